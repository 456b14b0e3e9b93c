/** Reads NumPy files of the fixtures, for tests: version 1, C order, little endian. */
import { readFileSync } from 'node:fs';

const KINDS = {
  '<f8': Float64Array,
  '<f4': Float32Array,
  '<i2': Int16Array,
  '|u1': Uint8Array,
  '<u2': Uint16Array,
  '<f2': Uint16Array,
  '|i1': Int8Array,
} as const;

export interface Npy {
  readonly shape: readonly number[];
  readonly data: Float64Array | Float32Array | Int16Array | Uint8Array | Uint16Array | Int8Array;
  readonly dtype: string;
}

export function readNpy(path: URL | string): Npy {
  const bytes = Uint8Array.from(readFileSync(path));
  const headerLength = new DataView(bytes.buffer).getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(10, 10 + headerLength));
  const dtype = /'descr': '([^']+)'/.exec(header)![1]!;
  const shape = /'shape': \(([^)]*)\)/
    .exec(header)![1]!
    .split(',')
    .filter((n) => n.trim() !== '')
    .map(Number);
  const Kind = KINDS[dtype as keyof typeof KINDS];
  const data = new Kind(bytes.buffer.slice(10 + headerLength));
  if (dtype !== '<f2') return { shape, data, dtype };
  return { shape, data: Float32Array.from(data, fromHalf), dtype };
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
