/**
 * The layout of one file's header, to read others by: slices of a series have the same elements and differ in a few values and
 * their lengths. A file that fits needs no parser, and what was made of values that it shares need not be made again.
 */
import { HOST_IS_LITTLE_ENDIAN } from '../../voxels/stored-type.ts';
import { DataSet } from './dataset.ts';
import type { DataSetContext, Element } from './dataset.ts';
import type { DicomSource } from './dicom-source.ts';
import { Parser } from './parse.ts';
import type { DicomFile } from './parse.ts';
import { TAG } from './tags.ts';
import type { TransferSyntax } from './transfer-syntax.ts';

/** How the length of an element is written, and so where its value begins. */
const [IMPLICIT, SHORT, LONG] = [0, 1, 2];
const UNDEFINED = 0xffffffff;
/** Of the preamble and the prefix behind it, where the first element begins. */
const START = 132;
const wordsOf = (bytes: Uint8Array): Uint16Array => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
const isCapital = (byte: number): boolean => byte >= 65 && byte <= 90;

/** Where the elements of the file that was fitted last lie. */
interface Places {
  readonly offsets: Float64Array;
  readonly lengths: Float64Array;
}

/** A data set whose elements are where a shape found them. */
class FittedDataSet extends DataSet {
  private readonly shape: HeaderShape;
  private readonly range: readonly [number, number];
  constructor(context: DataSetContext, shape: HeaderShape, range: readonly [number, number]) {
    super(context, 0, NO_ELEMENTS);
    this.shape = shape;
    this.range = range;
  }

  protected override find(tag: number): Element | undefined {
    const at = this.shape.indexOf(tag);
    return at === undefined || at < this.range[0] || at >= this.range[1] ? undefined : this.shape.element(at);
  }

  override get elements(): ReadonlyMap<number, Element> {
    const all = new Map<number, Element>();
    for (let at = this.range[0]; at < this.range[1]; at++) {
      const element = this.shape.element(at);
      all.set(element.tag, element);
    }
    return all;
  }
}

const NO_ELEMENTS: ReadonlyMap<number, Element> = new Map();

/** The raw header of an element: its tag, what its representation is spelled with, and how its length is written. */
interface Heads {
  readonly groups: Uint16Array;
  readonly numbers: Uint16Array;
  readonly spellings: Uint16Array;
  readonly forms: Uint8Array;
}

export class HeaderShape {
  /** The header that the shape was taken from, and the one that was fitted last, two bytes to a word. */
  private readonly words: Uint16Array;
  private current: Uint16Array;
  private readonly syntax: TransferSyntax;
  private readonly elements: readonly Element[];
  /** How many of the elements are meta information. */
  private readonly metaCount: number;
  private readonly heads: Heads;
  /** Of the file that the shape was taken from; the pixels come last. */
  private readonly first: Places;
  private readonly now: Places;
  private readonly indices: ReadonlyMap<number, number>;
  private readonly syntaxPlace: Uint32Array;

  private constructor(bytes: Uint8Array, file: DicomFile, elements: readonly Element[], heads: Heads) {
    this.words = this.current = wordsOf(bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes));
    this.syntax = file.syntax;
    this.elements = elements;
    this.metaCount = file.meta.starts.length;
    this.heads = heads;
    const count = elements.length;
    this.first = {
      offsets: Float64Array.from(elements, ({ offset }) => offset),
      lengths: Float64Array.from(elements, ({ length }) => length),
    };
    this.now = { offsets: new Float64Array(count), lengths: new Float64Array(count) };
    this.indices = new Map(elements.map(({ tag }, at) => [tag, at]));
    this.syntaxPlace = this.placesOf([TAG.TransferSyntaxUID]);
  }

  /** The shape of a file's header, whose bytes stay with it; undefined where it has anything out of the ordinary. */
  static of(file: DicomFile): HeaderShape | undefined {
    const { meta, dataset, pixels, syntax } = file;
    const { fileBytes: bytes } = dataset;
    if (
      !HOST_IS_LITTLE_ENDIAN ||
      !syntax.littleEndian ||
      syntax.deflated ||
      pixels === undefined ||
      meta.starts[0] !== START
    )
      return undefined;
    const starts = [...meta.starts, ...dataset.starts];
    const found = [...meta.elements.values(), ...dataset.elements.values(), pixels];
    const heads = {
      groups: new Uint16Array(found.length),
      numbers: new Uint16Array(found.length),
      spellings: new Uint16Array(found.length),
      forms: new Uint8Array(found.length),
    };
    // Elements that are there twice, or something between them.
    if (found.length !== starts.length || bytes.length < pixels.offset) return undefined;
    for (const [at, { tag, offset, length }] of found.entries()) {
      const start = starts[at]!;
      const end = at + 1 < found.length ? starts[at + 1]! : pixels.offset;
      const explicit = at < meta.starts.length || syntax.explicit;
      const spelled = isCapital(bytes[start + 4]!) && isCapital(bytes[start + 5]!);
      if (start % 2 !== 0 || explicit !== spelled) return undefined;
      // Undefined length and representation: only the parser knows what such a sequence is read as.
      if (length < 0 && bytes[start + 4] === 85 && bytes[start + 5] === 78) return undefined;
      if (at + 1 < found.length && length >= 0 && offset + length !== end) return undefined;
      const form = !explicit ? IMPLICIT : offset === start + 8 ? SHORT : LONG;
      if (offset !== start + (form === LONG ? 12 : 8)) return undefined;
      heads.groups[at] = Math.floor(tag / 65536);
      heads.numbers[at] = tag % 65536;
      heads.spellings[at] = bytes[start + 4]! + bytes[start + 5]! * 256;
      heads.forms[at] = form!;
    }
    const elements = found.map(({ tag, vr, offset, length }) => ({ tag, vr, offset, length }));
    return new HeaderShape(bytes, file, elements, heads);
  }

  /**
   * A file that begins with `bytes`, read by this shape; undefined where it does not fit. Elements that are asked for lie in `bytes`,
   * and lie elsewhere once another file was fitted.
   */
  fit(bytes: Uint8Array, source: DicomSource): DicomFile | undefined {
    if (!this.place(bytes) || !this.unchanged(this.syntaxPlace)) return undefined;
    const { metaCount, elements, now } = this;
    const count = elements.length - 1;
    const set = (
      range: readonly [number, number],
      syntax: Pick<TransferSyntax, 'explicit' | 'littleEndian'>,
    ): DataSet =>
      new FittedDataSet(
        {
          bytes,
          littleEndian: true,
          file: source.name,
          readItems: (element, parent) =>
            new Parser(bytes, source.size, syntax, source.name).readSequence(element, parent),
        },
        this,
        range,
      );
    const dataset = set([metaCount, count], this.syntax);
    dataset.end = now.offsets[count]!;
    const { tag, vr } = elements[count]!;
    return {
      name: source.name,
      syntax: this.syntax,
      meta: set([0, metaCount], { explicit: true, littleEndian: true }),
      dataset,
      pixels: { tag, vr, source, offset: now.offsets[count]!, length: now.lengths[count]! },
    };
  }

  /** Finds every element in `bytes`. False where one is not where it should be. */
  private place(bytes: Uint8Array): boolean {
    if (bytes.byteOffset % 2 !== 0 || (bytes[0] === 0x1f && bytes[1] === 0x8b)) return false;
    const words = (this.current = wordsOf(bytes));
    for (let i = 64; i < START / 2; i++) if (words[i] !== this.words[i]) return false;
    const { groups, numbers, spellings, forms } = this.heads;
    const { offsets, lengths } = this.now;
    const last = groups.length - 1;
    let at = START / 2;
    for (let i = 0; i <= last; i++) {
      const form = forms[i]!;
      if (at + 6 > words.length || words[at] !== groups[i] || words[at + 1] !== numbers[i]) return false;
      if (form !== IMPLICIT && words[at + 2] !== spellings[i]) return false;
      const length =
        form === SHORT
          ? words[at + 3]!
          : form === LONG
            ? words[at + 4]! + words[at + 5]! * 65536
            : words[at + 2]! + words[at + 3]! * 65536;
      at += form === LONG ? 6 : 4;
      offsets[i] = at * 2;
      lengths[i] = form !== SHORT && length === UNDEFINED ? -1 : length;
      if (i === last) break;
      if (length % 2 !== 0 && lengths[i]! >= 0) return false;
      if (lengths[i]! < 0 !== this.first.lengths[i]! < 0) return false;
      // Where it ends is known only as long as it is the same.
      if (lengths[i]! < 0 && !this.sameBytes(i, this.extent(i))) return false;
      at += (lengths[i]! < 0 ? this.extent(i) : length) / 2;
    }
    // How long the first element is takes part in telling implicit from explicit representations.
    const { metaCount } = this;
    return forms[metaCount] !== IMPLICIT || lengths[metaCount] === this.first.lengths[metaCount];
  }

  /** Bytes from where the value of an element begins to the next element, in the file that the shape was taken from. */
  private extent(i: number): number {
    const { offsets } = this.first;
    return offsets[i + 1]! - (this.heads.forms[i + 1] === LONG ? 12 : 8) - offsets[i]!;
  }

  /** `length` is even, as all lengths here. */
  private sameBytes(i: number, length: number): boolean {
    const { words, current } = this;
    const from = this.first.offsets[i]! / 2;
    const to = this.now.offsets[i]! / 2;
    const count = length / 2;
    if (to + count > current.length) return false;
    for (let k = 0; k < count; k++) if (words[from + k] !== current[to + k]) return false;
    return true;
  }

  /** Where elements of these tags stand in the shape, for `unchanged`; those that the file does not have are left out. */
  placesOf(tags: Iterable<number>): Uint32Array {
    return Uint32Array.from([...tags].map((tag) => this.indices.get(tag)).filter((i) => i !== undefined));
  }

  /** Whether the file that was fitted last has the values of the one the shape was taken from at `places`, byte for byte. */
  unchanged(places: Uint32Array): boolean {
    const { lengths } = this.now;
    for (let k = 0; k < places.length; k++) {
      const i = places[k]!;
      if (lengths[i]! < 0) continue;
      if (lengths[i] !== this.first.lengths[i] || !this.sameBytes(i, lengths[i]!)) return false;
    }
    return true;
  }

  indexOf(tag: number): number | undefined {
    return this.indices.get(tag);
  }

  /** An element of the file that was fitted last. */
  element(at: number): Element {
    const { tag, vr } = this.elements[at]!;
    return { tag, vr, offset: this.now.offsets[at]!, length: this.now.lengths[at]! };
  }
}
