/** A DICOM data set: elements by tag over the bytes they came from, read by kind of value. */
import { FormatError } from '../../errors.ts';
import { TAG, representationOf, tagName } from './tags.ts';
import { LATIN, decodeText, encodingOf } from './text.ts';
import type { TextEncoding } from './text.ts';

/** One element: where its value lies in the file. `length` is -1 for an encapsulated value of undefined length. */
export interface Element {
  readonly tag: number;
  readonly vr: string;
  readonly offset: number;
  readonly length: number;
  /** Items of a sequence, where they have been read. */
  items?: readonly DataSet[];
}

/** What an element's bytes are read with: the file, its byte order, and how to read nested items. */
export interface DataSetContext {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly file: string | undefined;
  readonly readItems: (element: Element, parent: DataSet) => readonly DataSet[];
}

const shortBinary: Readonly<Record<string, number>> = {
  US: 2,
  SS: 2,
  OW: 2,
  UL: 4,
  SL: 4,
  OL: 4,
  FL: 4,
  OF: 4,
  FD: 8,
  OD: 8,
  AT: 4,
  OB: 1,
  SV: 8,
  UV: 8,
  OV: 8,
};

/** One binary value of a representation in `shortBinary`. */
function binaryValue(view: DataView, vr: string, at: number, littleEndian: boolean): number {
  switch (vr) {
    case 'SS':
      return view.getInt16(at, littleEndian);
    case 'UL':
    case 'OL':
      return view.getUint32(at, littleEndian);
    case 'SL':
      return view.getInt32(at, littleEndian);
    case 'FL':
    case 'OF':
      return view.getFloat32(at, littleEndian);
    case 'FD':
    case 'OD':
      return view.getFloat64(at, littleEndian);
    case 'OB':
      return view.getUint8(at);
    case 'SV':
      return Number(view.getBigInt64(at, littleEndian));
    case 'UV':
    case 'OV':
      return Number(view.getBigUint64(at, littleEndian));
    case 'AT':
      return view.getUint16(at, littleEndian) * 65536 + view.getUint16(at + 2, littleEndian);
    default:
      return view.getUint16(at, littleEndian);
  }
}

/** Elements by tag. Accessors return undefined when an element is absent or empty; they throw FormatError when its value cannot be read. */
export class DataSet {
  readonly depth: number;
  /** Set when the file ended inside this data set: the first byte that is missing. */
  truncatedAt: number | undefined;
  /** One past the last element that was read. */
  end = 0;
  /** Where each element begins, in the order of the file; of data sets that are not nested. */
  starts: readonly number[] = [];
  /** While there is one, every tag that is asked for goes into it, whether there or not. */
  asked: Set<number> | undefined;
  private readonly context: DataSetContext;
  private readonly parent: DataSet | undefined;
  private readonly own: ReadonlyMap<number, Element>;
  constructor(context: DataSetContext, depth: number, elements: ReadonlyMap<number, Element>, parent?: DataSet) {
    this.context = context;
    this.depth = depth;
    this.own = elements;
    this.parent = parent;
  }

  get elements(): ReadonlyMap<number, Element> {
    return this.own;
  }

  protected find(tag: number): Element | undefined {
    return this.own.get(tag);
  }

  private element(tag: number): Element | undefined {
    this.asked?.add(tag);
    return this.find(tag);
  }

  /** The file these elements came from, where known. */
  get file(): string | undefined {
    return this.context.file;
  }

  /** What the offsets of elements count in: the file, or as much of it as was read. */
  get fileBytes(): Uint8Array {
    return this.context.bytes;
  }

  has(tag: number): boolean {
    return this.element(tag) !== undefined;
  }

  /** The raw value, a view into the file. Undefined when absent, empty, or encapsulated. */
  bytes(tag: number): Uint8Array | undefined {
    const e = this.element(tag);
    if (e === undefined || e.length <= 0) return undefined;
    return this.context.bytes.subarray(e.offset, e.offset + e.length);
  }

  /** The encoding of text, from this data set or the one it is nested in. */
  get encoding(): TextEncoding {
    return (this.ownEncoding ??= this.findEncoding());
  }
  private ownEncoding: TextEncoding | undefined;

  private findEncoding(): TextEncoding {
    const own = this.element(TAG.SpecificCharacterSet);
    if (own !== undefined && own.length > 0)
      return encodingOf(
        decodeText(this.context.bytes.subarray(own.offset, own.offset + own.length), LATIN).split('\\'),
      );
    return this.parent === undefined ? LATIN : this.parent.encoding;
  }

  private decode(tag: number, raw: Uint8Array): string {
    return decodeText(raw, this.encoding, this.element(tag)?.vr === 'PN');
  }

  /** All text values of an element, trimmed. */
  strings(tag: number): readonly string[] {
    const raw = this.bytes(tag);
    if (raw === undefined) return [];
    return this.decode(tag, raw)
      .split('\\')
      .map((s) => s.trim());
  }

  /** The first text value; undefined when absent or empty. */
  string(tag: number): string | undefined {
    const first = this.strings(tag)[0];
    return first === undefined || first === '' ? undefined : first;
  }

  /** A whole text value: descriptions may contain backslashes. */
  text(tag: number): string | undefined {
    const raw = this.bytes(tag);
    if (raw === undefined) return undefined;
    const value = this.decode(tag, raw).trim();
    return value === '' ? undefined : value;
  }

  /** All numbers of an element: decimal or integer strings, or binary values in the file's byte order. */
  numbers(tag: number): readonly number[] {
    const e = this.element(tag);
    const raw = this.bytes(tag);
    if (e === undefined || raw === undefined) return [];
    // Unknown representation: what the tag has by the standard (PS3.5 6.2.2 note 2).
    const vr = e.vr === 'UN' ? representationOf(tag) : e.vr;
    const width = shortBinary[vr];
    return width === undefined ? this.decimals(tag, raw, e.offset) : this.binary(vr, raw, width);
  }

  private decimals(tag: number, raw: Uint8Array, offset: number): readonly number[] {
    const parts = decodeText(raw, LATIN).split('\\');
    if (parts.length === 1 && parts[0]!.trim() === '') return [];
    return parts.map((part) => {
      const plain = Number(part);
      if (Number.isFinite(plain) && part.trim() !== '') return plain;
      const trimmed = part.replaceAll('\0', '').trim();
      // Some writers leave a comma as decimal mark; 'inf' and 'nan' never are numbers here.
      const value = Number(trimmed.replace(',', '.'));
      if (trimmed !== '' && Number.isFinite(value)) return value;
      throw new FormatError(`${tagName(tag)} should hold numbers, came "${decodeText(raw, LATIN).slice(0, 80)}".`, {
        ...(this.file === undefined ? {} : { file: this.file }),
        field: tagName(tag),
        byteOffset: offset,
      });
    });
  }

  private binary(vr: string, raw: Uint8Array, width: number): readonly number[] {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const le = this.context.littleEndian;
    const values: number[] = [];
    for (let at = 0; at + width <= raw.length; at += width) values.push(binaryValue(view, vr, at, le));
    return values;
  }

  /** The first number; undefined when absent or empty. */
  number(tag: number): number | undefined {
    return this.numbers(tag)[0];
  }

  /** The data sets of a sequence; empty when absent. */
  items(tag: number): readonly DataSet[] {
    const e = this.element(tag);
    if (e === undefined || (e.length === 0 && e.items === undefined)) return [];
    e.items ??= this.context.readItems(e, this);
    return e.items;
  }

  /** A data set nested at a path of sequences, first items taken; undefined when any is absent. */
  first(...path: readonly number[]): DataSet | undefined {
    const [tag, ...rest] = path;
    return tag === undefined ? this : this.items(tag)[0]?.first(...rest);
  }

  /** An error about one element of this data set, with its place filled in. */
  fault(tag: number, message: string, details: Readonly<Record<string, unknown>> = {}): FormatError {
    const e = this.element(tag);
    return new FormatError(`${this.file === undefined ? '' : `${this.file}: `}${message}`, {
      ...(this.file === undefined ? {} : { file: this.file }),
      field: tagName(tag),
      // What is missing was noticed where the elements ended.
      byteOffset: e?.offset ?? this.end,
      details,
    });
  }

  /** The first number of an element that must be there. Throws FormatError when it is not. */
  required(tag: number): number {
    const value = this.number(tag);
    if (value === undefined)
      throw this.fault(tag, `${tagName(tag)} is missing or empty; without it the file cannot be interpreted.`);
    return value;
  }
}
