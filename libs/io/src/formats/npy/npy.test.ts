import { describe, expect, it } from 'vitest';
import {
  asFloat32,
  bytesSource,
  decodeNpy,
  decodeNpz,
  encodeNpy,
  encodeNpz,
  encodeZip,
  FormatError,
  openNpz,
  streamNpz,
  Zip,
} from '../../index.ts';
import { collect } from '../../bytes/collect.ts';
import type { ArrayType, NamedArray } from '../../index.ts';
import { ARRAY_BYTES, arrayData, numberToHalf } from '../../arrays/named-array.ts';
import { halfToNumber } from '../../voxels/stored-type.ts';

const TYPES: readonly ArrayType[] = [
  'bool',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float16',
  'float32',
  'float64',
  'complex64',
  'complex128',
];
const sample = (dtype: ArrayType): NamedArray => ({
  dtype,
  shape: [2, 3],
  data: arrayData(
    dtype,
    Uint8Array.from({ length: 6 * ARRAY_BYTES[dtype] }, (_, i) => (dtype === 'bool' ? i % 2 : (i * 37) % 60)),
  ),
});
const npy = (header: string, data: Uint8Array): Uint8Array => {
  const text = new TextEncoder().encode(header);
  return Uint8Array.from([
    0x93,
    ...new TextEncoder().encode('NUMPY'),
    1,
    0,
    text.length & 255,
    text.length >> 8,
    ...text,
    ...data,
  ]);
};

describe('npy', () => {
  it.each(TYPES)('keeps %s', (dtype) => {
    expect(decodeNpy(encodeNpy(sample(dtype)))).toEqual(sample(dtype));
  });
  it('keeps scalars and empty arrays', () => {
    expect(decodeNpy(encodeNpy({ dtype: 'float32', shape: [], data: Float32Array.of(3) })).shape).toEqual([]);
    expect(decodeNpy(encodeNpy({ dtype: 'float32', shape: [0, 4], data: new Float32Array(0) })).shape).toEqual([0, 4]);
  });
  it('turns Fortran order and big-endian numbers around', () => {
    const array = decodeNpy(
      npy(
        "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n",
        Uint8Array.of(0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 1, 6),
      ),
    );
    expect(array).toEqual({ dtype: 'int16', shape: [2, 3], data: Int16Array.of(1, 2, 3, 4, 5, 262) });
  });
  it.each([
    ["{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", /not understood/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }", /36 bytes/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", /no list/],
    ["{'descr': '<f3', 'fortran_order': False, 'shape': (9,), }", /"<f3" is not read/],
  ])('refuses %s', (header, reason) => {
    expect(() => decodeNpy(npy(header, new Uint8Array(8)))).toThrow(reason);
  });
});

describe('npz', () => {
  it('is written and read in pieces', async () => {
    const data = Float32Array.from({ length: 5 * 7001 }, (_, k) => Math.sin(k));
    const pieces = async function* (): AsyncGenerator<Float32Array> {
      for (let at = 0; at < data.length; at += 1234) yield data.subarray(at, at + 1234);
    };
    const bytes = await collect(streamNpz({ name: 'p', dtype: 'float32', shape: [5, 7001], pieces: pieces() }));
    expect((await decodeNpz(bytes)).get('p')).toEqual({ dtype: 'float32', shape: [5, 7001], data });
    const array = (await openNpz(bytesSource(bytes), ['q', 'p']))!;
    expect([array.dtype, array.shape, array.fortranOrder]).toEqual(['float32', [5, 7001], false]);
    let row = 0;
    for await (const piece of array.pieces(7001)) expect(piece).toEqual(data.slice(row * 7001, ++row * 7001));
    expect(row).toBe(5);
    expect(await openNpz(bytesSource(bytes), ['q'])).toBeUndefined();

    bytes[bytes.length - 60 - 900]! ^= 1;
    const read = async (): Promise<void> => {
      for await (const _ of array.pieces(7001));
    };
    await expect(read()).rejects.toThrow(FormatError);
    const short = streamNpz({ name: 'p', dtype: 'float32', shape: [5, 7002], pieces: pieces() });
    await expect(collect(short)).rejects.toThrow(/takes 35010 numbers, came 35005/);
  });

  it.each([true, false])('keeps its arrays, packed: %s', async (compress) => {
    const arrays = new Map(TYPES.map((t) => [t as string, sample(t)]));
    expect(await decodeNpz(await encodeNpz(arrays, { compress }))).toEqual(arrays);
  });
  it('notices a flipped bit', async () => {
    const bytes = await encodeZip([{ name: 'a.npy', bytes: encodeNpy(sample('float32')) }]);
    bytes[100]! ^= 1;
    await expect(decodeNpz(bytes, { file: 'x.npz' })).rejects.toThrow(
      /x\.npz: entry "a\.npy" does not match its checksum/,
    );
  });
  it('refuses entries that unpack to more than they declare', async () => {
    const bytes = await encodeZip([{ name: 'a', bytes: new Uint8Array(100_000) }], { compress: true });
    const zip = new Zip(bytes);
    const entry = zip.entries.get('a')!;
    Object.assign(entry, { size: 10 });
    await expect(zip.read('a')).rejects.toMatchObject({ code: 'format' });
  });
});

describe('half precision', () => {
  it('keeps every one of its 65536 numbers', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = halfToNumber(bits);
      if (Number.isNaN(value)) continue;
      if (numberToHalf(value) !== bits) throw new Error(`${bits} became ${numberToHalf(value)}`);
    }
  });
  it('rounds to the nearest, ties to even', () => {
    expect(
      [1 + 1 / 2048, 1 + 3 / 2048, 65519, 65520, 2 ** -25, 2 ** -24 * 1.5].map((v) => halfToNumber(numberToHalf(v))),
    ).toEqual([1, 1 + 2 / 1024, 65504, Infinity, 0, 2 ** -23]);
    expect(asFloat32({ dtype: 'int64', shape: [1], data: BigInt64Array.of(7n) })).toEqual(Float32Array.of(7));
  });
});
