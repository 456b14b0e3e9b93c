/** Data sets to bytes: little endian, UTF-8 text, elements in tag order (PS3.5 7, PS3.10 7). */
import { FormatError } from '../../errors.ts';
import { TAG, representationOf, tagName } from '../dataset/tags.ts';
import type { Keyword } from '../dataset/tags.ts';
import { EXPLICIT_LITTLE, IMPLICIT_LITTLE } from '../dataset/transfer-syntax.ts';

/** A data set to write, by keyword. Numbers of decimal-string elements are formatted to 16 characters. An empty array or '' writes an empty element. */
export type Content = { readonly [K in Keyword]?: ContentValue };
export type ContentValue = string | number | readonly string[] | readonly number[] | Uint8Array | readonly Content[];

/** Identifies this writer in files (a UUID-derived UID, PS3.5 B.2). */
export const IMPLEMENTATION_CLASS = '2.25.244735096237217317230487291736502837461';
const IMPLEMENTATION_VERSION = 'VOXELWISE_1';

const long = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);
const text = new TextEncoder();

/** A number as a decimal string of at most 16 characters, as exact as those allow. */
export function decimalString(value: number): string {
  if (!Number.isFinite(value))
    throw new FormatError(`encode: ${value} cannot be written as a decimal string.`, { field: 'DS' });
  const plain = String(Object.is(value, -0) ? 0 : value);
  if (plain.length <= 16) return plain;
  for (let digits = 15; digits > 0; digits--) {
    const fixed =
      Math.abs(value) >= 1e-4 && Math.abs(value) < 1e14
        ? String(Number(value.toPrecision(digits)))
        : value.toExponential(digits - 1);
    if (fixed.length <= 16) return fixed;
  }
  throw new FormatError(`encode: ${value} does not fit 16 characters.`, { field: 'DS' });
}

/** Pieces of bytes, joined once: pixels may be most of the memory there is. */
class Sink {
  private readonly parts: Uint8Array[] = [];
  size = 0;
  push(bytes: Uint8Array): void {
    this.parts.push(bytes);
    this.size += bytes.length;
  }
  append({ parts }: Sink): void {
    for (const part of parts) this.push(part);
  }
  writeTo(out: Uint8Array, start: number): void {
    let at = start;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
  }
  join(): Uint8Array {
    const out = new Uint8Array(this.size);
    this.writeTo(out, 0);
    return out;
  }
}

const isItems = (value: ContentValue): value is readonly Content[] =>
  Array.isArray(value) && typeof value[0] === 'object';

function textBytes(vr: string, parts: readonly string[]): Uint8Array {
  const raw = text.encode(parts.join('\\'));
  if (raw.length % 2 === 0) return raw;
  const padded = new Uint8Array(raw.length + 1).fill(vr === 'UI' ? 0 : 32);
  padded.set(raw);
  return padded;
}

function numberBytes(vr: string, values: readonly number[]): Uint8Array {
  const width = { US: 2, SS: 2, UL: 4, SL: 4, FL: 4, FD: 8, AT: 4 }[vr];
  if (width === undefined)
    return textBytes(
      vr,
      values.map((v) => (vr === 'DS' ? decimalString(v) : String(Math.round(v)))),
    );
  const view = new DataView(new ArrayBuffer(width * values.length));
  values.forEach((v, i) => {
    const at = i * width;
    if (vr === 'US') view.setUint16(at, v, true);
    else if (vr === 'SS') view.setInt16(at, v, true);
    else if (vr === 'UL') view.setUint32(at, v, true);
    else if (vr === 'SL') view.setInt32(at, v, true);
    else if (vr === 'FL') view.setFloat32(at, v, true);
    else if (vr === 'FD') view.setFloat64(at, v, true);
    else {
      view.setUint16(at, v >>> 16, true);
      view.setUint16(at + 2, v & 0xffff, true);
    }
  });
  return new Uint8Array(view.buffer);
}

const UTF8 = 'ISO_IR 192';

/** Whether the texts of an item itself are ASCII. */
function isPlain(item: Content): boolean {
  return Object.values(item).every((value: ContentValue) => {
    if (value instanceof Uint8Array || (Array.isArray(value) && isItems(value))) return true;
    return /^[\x20-\x7e]*$/.test(Array.isArray(value) ? value.join('') : String(value));
  });
}

function itemBytes(items: readonly Content[], implicit: boolean): Uint8Array {
  const sink = new Sink();
  for (const item of items) {
    // Some viewers forget in items what the data set says of its texts.
    const body = elements(isPlain(item) ? item : { SpecificCharacterSet: UTF8, ...item }, implicit);
    const head = new DataView(new ArrayBuffer(8));
    head.setUint16(0, 0xfffe, true);
    head.setUint16(2, 0xe000, true);
    head.setUint32(4, body.size, true);
    sink.push(new Uint8Array(head.buffer));
    sink.append(body);
  }
  return sink.join();
}

function valueBytes(vr: string, value: ContentValue, implicit: boolean): Uint8Array {
  if (vr === 'SQ') return itemBytes(isItems(value) ? value : [], implicit);
  if (value instanceof Uint8Array) {
    if (value.length % 2 === 0) return value;
    const padded = new Uint8Array(value.length + 1);
    padded.set(value);
    return padded;
  }
  const list = Array.isArray(value) ? (value as readonly (string | number)[]) : [value as string | number];
  return typeof list[0] === 'number'
    ? numberBytes(vr, list as readonly number[])
    : textBytes(vr, list as readonly string[]);
}

/** Encodes the elements of a data set, without file header; explicit VR unless asked otherwise. */
export function encodeDataSet(
  content: Content,
  { implicit = false }: { readonly implicit?: boolean } = {},
): Uint8Array {
  return elements(content, implicit).join();
}

function elements(content: Content, implicit: boolean): Sink {
  const sink = new Sink();
  const entries = (Object.entries(content) as [Keyword, ContentValue][])
    .map(([keyword, value]) => ({ tag: TAG[keyword], value }))
    .sort((a, b) => a.tag - b.tag);
  for (const { tag, value } of entries) {
    const vr =
      tag === TAG.PixelData && content.BitsAllocated !== undefined && (content.BitsAllocated as number) <= 8
        ? 'OB'
        : representationOf(tag);
    const body = valueBytes(vr, value, implicit);
    const isLong = !implicit && long.has(vr);
    const most = implicit || isLong ? 0xfffffffe : 65534;
    if (body.length > most)
      throw new FormatError(`encode: ${tagName(tag)} needs ${body.length} bytes, ${vr} holds ${most} at most.`, {
        field: tagName(tag),
      });
    const head = new DataView(new ArrayBuffer(isLong ? 12 : 8));
    head.setUint16(0, tag >>> 16, true);
    head.setUint16(2, tag & 0xffff, true);
    if (implicit) head.setUint32(4, body.length, true);
    else {
      head.setUint8(4, vr.charCodeAt(0));
      head.setUint8(5, vr.charCodeAt(1));
      if (isLong) head.setUint32(8, body.length, true);
      else head.setUint16(6, body.length, true);
    }
    sink.push(new Uint8Array(head.buffer));
    sink.push(body);
  }
  return sink;
}

/** A whole file (PS3.10): preamble, file meta information, data set. `content` must have SOPClassUID and SOPInstanceUID.
 * `implicit`: implicit VR, whose values may be longer than 64 KiB. */
export function encodeFile(content: Content, { implicit = false }: { readonly implicit?: boolean } = {}): Uint8Array {
  const meta = encodeDataSet({
    FileMetaInformationVersion: new Uint8Array([0, 1]),
    MediaStorageSOPClassUID: content.SOPClassUID as string,
    MediaStorageSOPInstanceUID: content.SOPInstanceUID as string,
    TransferSyntaxUID: implicit ? IMPLICIT_LITTLE : EXPLICIT_LITTLE,
    ImplementationClassUID: IMPLEMENTATION_CLASS,
    ImplementationVersionName: IMPLEMENTATION_VERSION,
  });
  const body = elements({ SpecificCharacterSet: UTF8, ...content }, implicit);
  const out = new Uint8Array(132 + 12 + meta.length + body.size);
  out.set(text.encode('DICM'), 128);
  const view = new DataView(out.buffer);
  view.setUint16(132, 2, true);
  out.set(text.encode('UL'), 136);
  view.setUint16(138, 4, true);
  view.setUint32(140, meta.length, true);
  out.set(meta, 144);
  body.writeTo(out, 144 + meta.length);
  return out;
}
