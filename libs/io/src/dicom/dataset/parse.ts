/**
 * DICOM files (PS3.10) and bare data sets: bytes to elements, without their pixels.
 *
 * Own code rather than dicom-parser: every refusal here names a tag and a byte, nesting and element counts are capped, and
 * a file may be given as its first bytes only.
 */
import type { ByteSource } from '../../bytes/byte-source.ts';
import { FormatError } from '../../errors.ts';
import { DataSet } from './dataset.ts';
import type { DataSetContext, Element } from './dataset.ts';
import { deflatedSource, lenient, openDeflated, memorySource, unzippedSource } from './dicom-source.ts';
import type { DicomSource } from './dicom-source.ts';
import { TAG, representationOf, tagName } from './tags.ts';
import { EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, transferSyntax } from './transfer-syntax.ts';
import type { TransferSyntax } from './transfer-syntax.ts';

/** Where the pixels of a file lie. `length` is -1 when they are encapsulated in fragments. */
export interface PixelLocation {
  readonly tag: number;
  readonly vr: string;
  readonly source: DicomSource;
  readonly offset: number;
  readonly length: number;
}

export interface DicomFile {
  readonly name: string;
  readonly syntax: TransferSyntax;
  readonly meta: DataSet;
  readonly dataset: DataSet;
  /** Absent for objects without pixels. */
  readonly pixels: PixelLocation | undefined;
}

/** Sequences may nest this deep; real objects stay below twenty. */
const MAX_DEPTH = 64;
const MAX_ELEMENTS = 4_000_000;
/** Most headers end within this. */
export const FIRST_READ = 16384;
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED = 0xffffffff;
const LONG = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);
const isPixelTag = (tag: number): boolean =>
  tag === TAG.PixelData || tag === TAG.FloatPixelData || tag === TAG.DoubleFloatPixelData;

const spellings = new Map<number, string>();

/** Two capitals as the one string of their kind: thousands of elements share some thirty of them. */
function spelling(a: number, b: number): string {
  const code = a * 256 + b;
  let vr = spellings.get(code);
  if (vr === undefined) spellings.set(code, (vr = String.fromCharCode(a, b)));
  return vr;
}

/** Thrown when a prefix of the file does not reach far enough; never leaves this file. */
class NeedBytes extends Error {
  readonly upTo: number;
  constructor(upTo: number) {
    super('need bytes');
    this.upTo = upTo;
  }
}

interface Bounds {
  readonly start: number;
  /** One past the last byte that belongs here. */
  readonly end: number;
  readonly depth: number;
  readonly delimited: boolean;
  readonly parent?: DataSet;
}

export class Parser {
  pixels: { tag: number; vr: string; offset: number; length: number } | undefined;
  count = 0;
  next = 0;
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly file: string | undefined;
  private readonly view: DataView;
  private readonly explicit: boolean;
  private readonly littleEndian: boolean;
  constructor(
    bytes: Uint8Array,
    size: number,
    syntax: Pick<TransferSyntax, 'explicit' | 'littleEndian'>,
    file: string | undefined,
  ) {
    this.bytes = bytes;
    this.size = size;
    this.file = file;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.explicit = syntax.explicit;
    this.littleEndian = syntax.littleEndian;
  }

  fault(message: string, byteOffset: number, field: string): FormatError {
    return new FormatError(`${this.file === undefined ? 'DICOM' : this.file}: ${message}`, {
      ...(this.file === undefined ? {} : { file: this.file }),
      byteOffset,
      field,
    });
  }

  private need(end: number): void {
    if (end > this.bytes.length && end <= this.size) throw new NeedBytes(end);
  }

  private tagAt(at: number): number {
    return this.view.getUint16(at, this.littleEndian) * 65536 + this.view.getUint16(at + 2, this.littleEndian);
  }

  private u32(at: number): number {
    return this.view.getUint32(at, this.littleEndian);
  }

  /** The header of the element at `at`, or undefined when the file ends within it. */
  private header(at: number, end: number): Element | undefined {
    if (at + 8 > end) return undefined;
    this.need(at + 8);
    const tag = this.tagAt(at);
    const a = this.bytes[at + 4]!;
    const b = this.bytes[at + 5]!;
    // Some explicit files hold single implicit elements: no representation is spelled with other than capitals.
    // '??' is what some toolkits wrote for a representation they did not know.
    const unknown = a === 63 && b === 63;
    const spelled = this.explicit && ((a >= 65 && a <= 90 && b >= 65 && b <= 90) || unknown);
    if (this.explicit && !spelled && this.isMisspelled(at, end, tag))
      return { tag, vr: 'UN', offset: at + 8, length: this.view.getUint16(at + 6, this.littleEndian) };
    if (!spelled || tag === ITEM || tag === ITEM_END || tag === SEQUENCE_END)
      return { tag, vr: representationOf(tag), offset: at + 8, length: this.u32(at + 4) };
    const vr = unknown ? 'UN' : spelling(a, b);
    if (unknown || !LONG.has(vr))
      return { tag, vr, offset: at + 8, length: this.view.getUint16(at + 6, this.littleEndian) };
    if (at + 12 > end) return undefined;
    this.need(at + 12);
    return { tag, vr, offset: at + 12, length: this.u32(at + 8) };
  }

  /** A representation of zeros or small letters, not an implicit element: with its short length the next element follows in order. */
  private isMisspelled(at: number, end: number, tag: number): boolean {
    const [a, b] = [this.bytes[at + 4]!, this.bytes[at + 5]!];
    const small = (byte: number): boolean => byte >= 97 && byte <= 122;
    if (isPixelTag(tag) || !((a === 0 && b === 0) || (small(a) && small(b)))) return false;
    const next = at + 8 + this.view.getUint16(at + 6, this.littleEndian);
    if (next === at + 8 || next + 4 > end) return false;
    this.need(next + 4);
    return this.tagAt(next) > tag;
  }

  readDataSet({ start, end, depth, delimited, parent }: Bounds): DataSet {
    if (depth > MAX_DEPTH)
      throw this.fault(
        `sequences nest deeper than ${MAX_DEPTH} levels; the file is damaged or hostile.`,
        start,
        'sequence',
      );
    const elements = new Map<number, Element>();
    const dataset = new DataSet(this.context(), depth, elements, parent);
    const starts: number[] = [];
    if (depth === 0) dataset.starts = starts;
    let at = start;
    while (at < end) {
      const header = this.header(at, end);
      if (header === undefined) {
        // Up to seven zero bytes after the last element are padding some writers leave.
        if (depth === 0 && !delimited) {
          if (this.bytes.subarray(at, end).some((b) => b !== 0)) dataset.truncatedAt = end;
          break;
        }
        throw this.fault(`ends inside an element header at byte ${at}.`, at, 'element header');
      }
      const { tag, vr, offset, length } = header;
      if (tag === ITEM_END && delimited) {
        dataset.end = this.next = offset;
        return dataset;
      }
      if (++this.count > MAX_ELEMENTS) throw this.fault(`more than ${MAX_ELEMENTS} elements.`, at, tagName(tag));
      if (depth === 0) starts.push(at);
      if (depth === 0 && isPixelTag(tag)) {
        this.pixels = { tag, vr, offset, length: length === UNDEFINED ? -1 : length };
        dataset.end = this.next = offset;
        return dataset;
      }
      if (tag === ITEM || tag === ITEM_END || tag === SEQUENCE_END) {
        // A stray delimiter with no length is harmless; anything else is not an element.
        if (length !== 0)
          throw this.fault(`an item stands where an element was expected, at byte ${at}.`, at, tagName(tag));
        at = offset;
        continue;
      }
      if (length === UNDEFINED) {
        const element: Element = { tag, vr: vr === 'UN' ? 'SQ' : vr, offset, length: -1 };
        element.items = this.readUndefined(element, end, {
          depth: depth + 1,
          parent: dataset,
          implicit: vr === 'UN' && this.explicit,
        });
        elements.set(tag, element);
        at = this.next;
        continue;
      }
      const stop = offset + length;
      if (stop > end) {
        if (depth === 0 && !delimited) {
          dataset.truncatedAt = end;
          break;
        }
        throw this.fault(
          `${tagName(tag)} claims ${length} bytes, its item has ${end - offset} left.`,
          at,
          tagName(tag),
        );
      }
      this.need(stop);
      elements.set(tag, header);
      at = stop;
    }
    if (delimited) throw this.fault(`an item of undefined length is not closed before byte ${end}.`, end, 'item');
    dataset.end = this.next = at;
    return dataset;
  }

  private context(): DataSetContext {
    return (this.shared ??= {
      bytes: this.bytes,
      littleEndian: this.littleEndian,
      file: this.file,
      readItems: (element, parent) => this.readSequence(element, parent),
    });
  }
  private shared: DataSetContext | undefined;

  /** Items of a sequence, read when first asked for. */
  readSequence(element: Element, parent: DataSet): readonly DataSet[] {
    if (element.length < 0)
      return this.readUndefined(element, this.size, {
        depth: parent.depth + 1,
        parent,
        implicit: element.vr === 'UN' && this.explicit,
      });
    const reader = element.vr === 'UN' && this.explicit && this.littleEndian ? this.sibling() : this;
    return reader.readItems(element.offset, element.offset + element.length, {
      depth: parent.depth + 1,
      delimited: false,
      parent,
    });
  }

  /** A value of undefined length: a sequence up to its delimiter, or fragments that are stepped over. */
  private readUndefined(
    element: Element,
    end: number,
    { depth, parent, implicit }: { depth: number; parent: DataSet; implicit: boolean },
  ): readonly DataSet[] {
    if (implicit) {
      const inner = this.sibling();
      try {
        const items = inner.readItems(element.offset, end, { depth, delimited: true, parent });
        this.next = inner.next;
        return items;
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        // Some writers change the representation to UN and leave the items explicit.
        return this.readItems(element.offset, end, { depth, delimited: true, parent });
      }
    }
    const fragments = element.vr === 'OB' || element.vr === 'OW';
    return this.readItems(element.offset, end, { depth, delimited: true, parent, fragments });
  }

  /** The same bytes read as implicit VR little endian: what a value of unknown representation holds (PS3.5 6.2.2 note 2). */
  private sibling(): Parser {
    const inner = new Parser(this.bytes, this.size, { explicit: false, littleEndian: true }, this.file);
    inner.count = this.count;
    return inner;
  }

  readItems(
    start: number,
    end: number,
    {
      depth,
      delimited,
      parent,
      fragments = false,
    }: { depth: number; delimited: boolean; parent?: DataSet; fragments?: boolean },
  ): readonly DataSet[] {
    const items: DataSet[] = [];
    let at = start;
    while (at < end) {
      if (at + 8 > end) throw this.fault(`a sequence ends inside an item header at byte ${at}.`, at, 'sequence');
      this.need(at + 8);
      const tag = this.tagAt(at);
      const length = this.u32(at + 4);
      if (tag === SEQUENCE_END) {
        this.next = at + 8;
        return items;
      }
      if (tag !== ITEM)
        throw this.fault(`expected a sequence item at byte ${at}, came ${tagName(tag)}.`, at, tagName(tag));
      const stop = length === UNDEFINED ? end : at + 8 + length;
      if (stop > end) throw this.fault(`a sequence item claims ${length} bytes, ${end - at - 8} are left.`, at, 'item');
      if (fragments) {
        if (length === UNDEFINED) throw this.fault(`a fragment of undefined length at byte ${at}.`, at, 'fragment');
        this.need(stop);
        at = stop;
        continue;
      }
      if (++this.count > MAX_ELEMENTS) throw this.fault(`more than ${MAX_ELEMENTS} elements.`, at, 'item');
      items.push(
        this.readDataSet({
          start: at + 8,
          end: stop,
          depth,
          delimited: length === UNDEFINED,
          ...(parent === undefined ? {} : { parent }),
        }),
      );
      at = this.next;
    }
    if (delimited)
      throw this.fault(`a sequence of undefined length is not closed before byte ${end}.`, end, 'sequence');
    this.next = at;
    return items;
  }
}

const REPRESENTATIONS = new Set(
  'AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OW PN SH SL SQ SS ST TM UC UI UL UN UR US UT'.split(' '),
);

/** Whether the bytes at `at` look like the first element of a data set, and in which syntax. */
function guessSyntax(bytes: Uint8Array, at: number): string | undefined {
  if (bytes.length < at + 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const spelled = REPRESENTATIONS.has(String.fromCharCode(bytes[at + 4]!, bytes[at + 5]!));
  const little = view.getUint16(at, true);
  // commands and retired groups may stand in front of the data set; the length of the group comes first
  if ((little === 0 || little === 3) && view.getUint16(at + 2, true) === 0) {
    if (view.getUint32(at + 4, true) === 4) return IMPLICIT_LITTLE;
    if (String.fromCharCode(bytes[at + 4]!, bytes[at + 5]!) === 'UL') return EXPLICIT_LITTLE;
  }
  const plausible = (group: number): boolean =>
    group === 2 || group === 4 || (group >= 8 && group <= 0x50 && group % 2 === 0) || group === 0x3006;
  if (spelled && plausible(little)) return EXPLICIT_LITTLE;
  if (spelled && plausible(view.getUint16(at, false))) return EXPLICIT_BIG;
  const length = view.getUint32(at + 4, true);
  if (plausible(little) && length <= bytes.length - at - 8 && length < 65536) return IMPLICIT_LITTLE;
  return undefined;
}

/** What stands before the data set. */
interface Preface {
  readonly metaSet: DataSet;
  readonly metaEnd: number;
  readonly syntax: TransferSyntax;
}

/**
 * Parses the meta information of a file, of which the first bytes are given.
 * Throws: FormatError when the bytes are not DICOM, are damaged, or use a transfer syntax this library does not read; NeedBytes.
 */
function parsePreface(bytes: Uint8Array, source: DicomSource): Preface {
  const { name: file, size } = source;
  const isAt = (at: number): boolean =>
    bytes.length >= at + 4 &&
    bytes[at] === 0x44 &&
    bytes[at + 1] === 0x49 &&
    bytes[at + 2] === 0x43 &&
    bytes[at + 3] === 0x4d;
  const start = isAt(128) ? 132 : isAt(0) ? 4 : 0;
  const refuse = (why: string): FormatError =>
    new FormatError(`${file}: not a DICOM file (${why}).`, { file, byteOffset: start, field: 'DICM prefix' });
  if (size < start + 8) throw refuse(`${size} bytes`);
  const first = guessSyntax(bytes, start);
  if (first === undefined) throw refuse('no DICM prefix and no element of a known group at its start');
  const meta = new Parser(
    bytes,
    size,
    { explicit: first !== IMPLICIT_LITTLE, littleEndian: first !== EXPLICIT_BIG },
    file,
  );
  const metaEnd = findMetaEnd(bytes, start, size, first);
  const metaSet = meta.readDataSet({ start, end: metaEnd, depth: 0, delimited: false });
  if (metaSet.truncatedAt !== undefined)
    throw new FormatError(`${file}: the file meta information is truncated.`, {
      file,
      byteOffset: metaSet.truncatedAt,
      field: tagName(0x00020000),
    });
  const declared = metaSet.string(TAG.TransferSyntaxUID);
  const uid = declared ?? guessSyntax(bytes, metaEnd) ?? IMPLICIT_LITTLE;
  const syntax = transferSyntax(uid);
  if (syntax === undefined)
    throw metaSet.fault(
      TAG.TransferSyntaxUID,
      `transfer syntax ${uid} is not one this library reads; convert the file to Explicit VR Little Endian first.`,
      { transferSyntax: uid },
    );
  return { metaSet, metaEnd, syntax: syntax.deflated ? syntax : trustworthy(bytes, metaEnd, syntax) };
}

/** Some files declare implicit VR and write explicit, or the reverse; the first element tells. */
function trustworthy(bytes: Uint8Array, at: number, syntax: TransferSyntax): TransferSyntax {
  const seen = guessSyntax(bytes, at);
  if (seen === EXPLICIT_LITTLE && !syntax.explicit && syntax.littleEndian) return { ...syntax, explicit: true };
  if (seen === IMPLICIT_LITTLE && syntax.explicit && syntax.littleEndian) return { ...syntax, explicit: false };
  return syntax;
}

/** The byte where group 0002 ends: walked, because group lengths are often wrong or absent. */
function findMetaEnd(bytes: Uint8Array, start: number, size: number, guess: string): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = guess !== EXPLICIT_BIG;
  let at = start;
  while (at + 8 <= bytes.length && view.getUint16(at, little) === 2) {
    const vr = String.fromCharCode(bytes[at + 4]!, bytes[at + 5]!);
    const explicit = guess !== IMPLICIT_LITTLE && /^[A-Z]{2}$/.test(vr);
    if (explicit && LONG.has(vr)) {
      if (at + 12 > bytes.length) break;
      at += 12 + view.getUint32(at + 8, little);
    } else at += 8 + (explicit ? view.getUint16(at + 6, little) : view.getUint32(at + 4, little));
  }
  if (at + 8 > bytes.length && at <= size && bytes.length < size) throw new NeedBytes(Math.min(size, at + 8));
  return Math.min(at, size);
}

/** The elements of a data set that was just unpacked, in growing steps up to its pixels: what is kept must not hold the pixels with it. */
async function parseUnpacked(plain: DicomSource, preface: Preface): Promise<DicomFile> {
  for (let length = Math.min(plain.size, FIRST_READ); ;)
    try {
      return parseBody(await plain.read(0, length), plain, { ...preface, metaEnd: 0 });
    } catch (error) {
      if (!(error instanceof NeedBytes)) throw error;
      length = longer(length, error, plain.size);
    }
}

const longer = (length: number, { upTo }: NeedBytes, size: number): number =>
  Math.min(size, Math.max(length * 4, upTo));

function parseBody(bytes: Uint8Array, source: DicomSource, { metaSet, metaEnd, syntax }: Preface): DicomFile {
  const parser = new Parser(bytes, source.size, syntax, source.name);
  const dataset = parser.readDataSet({ start: metaEnd, end: source.size, depth: 0, delimited: false });
  const pixels = parser.pixels === undefined ? undefined : { ...parser.pixels, source };
  return { name: source.name, syntax, meta: metaSet, dataset, pixels };
}

/** Parses a whole file held in memory. Throws FormatError. */
export function parseDicom(bytes: Uint8Array, name = 'DICOM'): DicomFile {
  const source = memorySource(name, bytes);
  const preface = parsePreface(bytes, source);
  if (!preface.syntax.deflated) return parseBody(bytes, source, preface);
  const plain = deflatedSource(source, preface.metaEnd, bytes.subarray(preface.metaEnd));
  // just unpacked, it answers at once
  return parseBody(plain.read(0, plain.size) as Uint8Array, plain, { ...preface, metaEnd: 0 });
}

/**
 * Reads a file's elements, in growing steps up to its pixels, which stay where they are.
 * Throws: FormatError when the bytes are not DICOM or are damaged before the pixels.
 */
export async function readDicomFile(given: ByteSource | DicomSource): Promise<DicomFile> {
  let source = lenient(given);
  let length = Math.min(source.size, FIRST_READ);
  for (;;) {
    // Elements keep pointing into these bytes.
    const prefix = await source.read(0, length);
    if (prefix.length < length)
      throw new FormatError(`${source.name}: ends at byte ${prefix.length} of ${source.size}.`, {
        file: source.name,
        byteOffset: prefix.length,
        field: 'file',
      });
    // Recognized by its first bytes, not its name; an unpacked source is in memory and read whole.
    if (prefix[0] === 0x1f && prefix[1] === 0x8b) {
      source = await unzippedSource(source);
      length = source.size;
      continue;
    }
    try {
      const preface = parsePreface(prefix, source);
      if (!preface.syntax.deflated) return parseBody(prefix, source, preface);
      return await parseUnpacked(await openDeflated(source, preface.metaEnd), preface);
    } catch (error) {
      if (!(error instanceof NeedBytes)) throw error;
      length = longer(length, error, source.size);
    }
  }
}
