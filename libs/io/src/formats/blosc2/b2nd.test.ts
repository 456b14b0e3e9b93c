/** Arrays written by python-blosc2, every value compared. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ARRAY_BYTES, elementCount } from '../../arrays/named-array.ts';
import { FormatError } from '../../errors.ts';
import { decodeB2nd } from './b2nd.ts';
import { encodeB2nd } from './b2nd-write.ts';
import { unpackBlosclz, unpackLz4 } from './lz.ts';

const folder = new URL('../../../fixtures/blosc2/', import.meta.url);
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`${name}.b2nd`, folder)));
const expected = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) as Record<
  string,
  { values: string; shape: number[]; dtype: string }
>;

/** What tools/fixtures/blosc2_arrays.py fills its arrays with. */
function valueAt(how: string, k: number, dtype: string, width: number): number {
  const ramp = ((k * 37) % 251) - 100;
  switch (how) {
    case 'ramp':
      return dtype.includes('f') ? ramp / 2 : dtype.includes('u') ? ramp + 100 : ramp;
    case 'blobs':
      return k % width >= Math.floor(width / 2) ? 1 : 0;
    case 'far':
      return Math.floor(((k % 9001) ** 2 * 7919) / 16) % 256;
    case 'nans':
      return NaN;
    default:
      return how === 'constant' ? 7 : 0;
  }
}

describe('decodeB2nd', () => {
  it.each(Object.keys(expected))('%s', async (name) => {
    const { values, shape, dtype } = expected[name]!;
    const array = await decodeB2nd(bytesOf(name), { file: name });
    expect(array.shape).toEqual(shape);
    expect(ARRAY_BYTES[array.dtype]).toBe(Number(dtype.slice(2)));
    const width = shape.at(-1)!;
    const came = Array.from(array.data as ArrayLike<number | bigint>, Number);
    expect(came).toEqual(Array.from({ length: elementCount(shape) }, (_, k) => valueAt(values, k, dtype, width)));
  });

  it('refuses filters and dictionaries that it does not read, by name', async () => {
    await expect(decodeB2nd(bytesOf('refused_bytedelta'))).rejects.toThrow(/filter 35, which is not read/);
    await expect(decodeB2nd(bytesOf('refused_dictionary'))).rejects.toThrow(/packed with a dictionary/);
  });

  it('tells where a damaged file is damaged', async () => {
    const whole = bytesOf('zstd_shuffle');
    const refusal = async (bytes: Uint8Array): Promise<FormatError> => {
      const error: unknown = await decodeB2nd(bytes, { file: 'case.b2nd' }).catch((one: unknown) => one);
      expect(error).toBeInstanceOf(FormatError);
      return error as FormatError;
    };
    expect((await refusal(whole.subarray(0, 1000))).message).toMatch(
      /case\.b2nd: the frame takes \d+ bytes.*incomplete/,
    );
    expect((await refusal(new Uint8Array(40))).byteOffset).toBe(0);
    // The first chunk begins behind the header, whose length stands in bytes 11 to 15.
    const at = new DataView(whole.buffer).getInt32(12 - 1);
    const hurt = Uint8Array.from(whole);
    hurt[at] = 77;
    expect(await refusal(hurt)).toMatchObject({ byteOffset: at, field: 'version' });
    const damaged = Uint8Array.from(whole);
    damaged.fill(0xff, at + 32, at + 36); // where its first block begins
    expect(await refusal(damaged)).toMatchObject({ byteOffset: at, field: 'block starts' });
  });

  it('takes no more memory than it is allowed', async () => {
    await expect(decodeB2nd(bytesOf('zeros'), { limitBytes: 1919 })).rejects.toThrow(/takes 1920 bytes; at most 1919/);
  });
});

describe('encodeB2nd', () => {
  it.each([
    ['uint8', [3, 4, 5], Uint8Array.from({ length: 60 }, (_, k) => k * 3)],
    ['float32', [2, 1, 7], Float32Array.from({ length: 14 }, (_, k) => k / 3)],
    ['int16', [9], Int16Array.from({ length: 9 }, (_, k) => k - 4)],
    ['float16', [1, 2], Float32Array.of(0.5, -2)],
    // Three chunks, the last with padding; the middle one packs to little.
    [
      'uint8',
      [20, 512, 900],
      Uint8Array.from({ length: 20 * 512 * 900 }, (_, k) => (k < 4e6 ? (k * k) >> 3 : k < 8e6 ? 0 : k % 7)),
    ],
  ] as const)('%s [%s] reads back', async (dtype, shape, data) => {
    const back = await decodeB2nd(await encodeB2nd({ dtype, shape, data }));
    expect([back.dtype, back.shape]).toEqual([dtype, shape]);
    const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
      Buffer.from(buffer, byteOffset, byteLength);
    expect(bytes(back.data).equals(bytes(data))).toBe(true);
  });

  // tools/fixtures/blosc2_arrays.py opens this file and compares its values.
  it('gives the bytes that python-blosc2 was seen to open', async () => {
    const bytes = await encodeB2nd({
      dtype: 'int16',
      shape: [4, 30, 20],
      data: Int16Array.from({ length: 2400 }, (_, k) => (k % 9) - 4),
    });
    expect(bytes).toEqual(bytesOf('written_here'));
  });

  it('refuses what the format cannot hold', async () => {
    await expect(encodeB2nd({ dtype: 'uint8', shape: [0], data: new Uint8Array(0) })).rejects.toThrow(/takes 0 bytes/);
    await expect(encodeB2nd({ dtype: 'bfloat16', shape: [1], data: new Float32Array(1) })).rejects.toThrow(
      /NumPy has no bfloat16/,
    );
  });
});

describe('unpackLz4', () => {
  const text = (bytes: Uint8Array, size: number): string | undefined => {
    const to = new Uint8Array(size);
    return unpackLz4(bytes, to) === size ? String.fromCharCode(...to) : undefined;
  };
  // literals "ab", a match of 6 from 2 back, literals "c"
  const sequence = [0x22, 97, 98, 2, 0, 0x10, 99];

  it('repeats what overlaps', () => expect(text(Uint8Array.from(sequence), 9)).toBe('ababababc'));
  it.each([
    ['a distance before the beginning', [0x22, 97, 98, 3, 0, 0x10, 99]],
    ['a distance of nothing', [0x22, 97, 98, 0, 0, 0x10, 99]],
    ['no last literals', sequence.slice(0, 5)],
    ['literals beyond its end', [0xf0, 255, 255]],
    ['more than there is room for', [0x2f, 97, 98, 2, 0, 255, 255, 0, 0x10, 99]],
  ])('refuses %s', (_, bytes) => expect(text(Uint8Array.from(bytes), 9)).toBeUndefined());
});

describe('unpackBlosclz', () => {
  it.each([
    ['nothing', []],
    ['literals beyond its end', [31, 1, 2]],
    ['a match before the beginning', [0, 65, 0x20, 9, 0, 65]],
    ['a match cut short', [0, 65, 0xe0, 255]],
  ])('refuses %s', (_, bytes) => expect(unpackBlosclz(Uint8Array.from(bytes), new Uint8Array(64))).toBeUndefined());
});
