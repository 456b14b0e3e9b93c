/** A reader of NumPy v1 .npy files for fixtures: little-endian, C order; float16 comes out as float32. */
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

export interface FixtureArray {
  readonly shape: readonly number[];
  readonly values:
    Uint8Array | Int8Array | Int16Array | Uint16Array | Int32Array | Float32Array | Float64Array | BigInt64Array;
}

const KINDS: Record<string, new (buffer: ArrayBuffer) => FixtureArray['values']> = {
  '|u1': Uint8Array,
  '|b1': Uint8Array,
  '|i1': Int8Array,
  '<i2': Int16Array,
  '<u2': Uint16Array,
  '<i4': Int32Array,
  '<i8': BigInt64Array,
  '<f4': Float32Array,
  '<f8': Float64Array,
};

export function readFixtureNpy(path: string | URL): FixtureArray {
  return decodeNpy(readFileSync(path), String(path));
}

/** The members of an .npz by name. */
export function readFixtureNpz(path: string | URL): Map<string, FixtureArray> {
  const file = readFileSync(path);
  const members = new Map<string, FixtureArray>();
  // From the central directory: NumPy writes zip64 sizes into the local headers.
  let at = file.readUInt32LE(file.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6])) + 16);
  while (file.readUInt32LE(at) === 0x02014b50) {
    const [packed, nameLength, extra, comment] = [20, 28, 30, 32].map((o) =>
      o === 20 ? file.readUInt32LE(at + o) : file.readUInt16LE(at + o),
    ) as [number, number, number, number];
    const local = file.readUInt32LE(at + 42);
    const name = file.toString('utf8', at + 46, at + 46 + nameLength);
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    const body = file.subarray(start, start + packed);
    members.set(
      name.replace(/\.npy$/, ''),
      decodeNpy(file.readUInt16LE(at + 10) === 8 ? inflateRawSync(body) : body, name),
    );
    at += 46 + nameLength + extra + comment;
  }
  return members;
}

function decodeNpy(bytes: Buffer, name: string): FixtureArray {
  const length = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + length);
  const kind = /'descr': '([^']+)'/.exec(header)?.[1] ?? '';
  if (bytes[6] !== 1 || !header.includes("'fortran_order': False")) throw new Error(`${name}: not a v1 C-order .npy`);
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((n) => n.trim() !== '')
    .map(Number);
  const start = bytes.byteOffset + 10 + length;
  const body = bytes.buffer.slice(start, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  if (kind === '<f2') return { shape, values: Float32Array.from(new Uint16Array(body), halfToFloat) };
  const Kind = KINDS[kind];
  if (Kind === undefined) throw new Error(`${name}: dtype ${kind} is not one this fixture reader knows.`);
  return { shape, values: new Kind(body) };
}

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
