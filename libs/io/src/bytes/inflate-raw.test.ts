/** The plain unpacker gives what zlib packed, by every kind of block, and refuses what is damaged or too long. */
import { randomBytes } from 'node:crypto';
import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { LongerThanAllowed, inflateRawBytes } from './inflate-raw.ts';

const noise = new Uint8Array(randomBytes(70_000));
const samples: Readonly<Record<string, Uint8Array>> = {
  nothing: new Uint8Array(0),
  'one byte': Uint8Array.of(7),
  zeros: new Uint8Array(1_000_000),
  noise,
  words: Uint8Array.from({ length: 200_000 }, (_, i) =>
    i % 2 === 0 ? Math.round(90 + 60 * Math.sin(i / 900)) : i & 3,
  ),
  'noise in few values': noise.map((byte) => byte % 5),
};
const strategies = [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE];

describe('inflateRawBytes', () => {
  it.each(Object.keys(samples))('gives back %s', (name) => {
    const plain = samples[name]!;
    for (const level of [0, 1, 9])
      for (const strategy of strategies) {
        const packed = deflateRawSync(plain, { level, strategy });
        const padded = new Uint8Array([...packed, 0, 9]);
        for (const bytes of [packed, padded])
          expect(Buffer.compare(inflateRawBytes(bytes, plain.length), plain), `${name} ${level} ${strategy}`).toBe(0);
        if (plain.length > 0) expect(() => inflateRawBytes(packed, plain.length - 1)).toThrow(LongerThanAllowed);
      }
  });

  it('refuses every stream that is cut short', () => {
    const packed = deflateRawSync(samples['words']!.subarray(0, 3000));
    for (let length = 0; length < packed.length; length++)
      expect(() => inflateRawBytes(packed.subarray(0, length), 3000)).toThrow();
  });

  it('ends on damaged streams, with an error or within the bytes allowed', () => {
    const packed = deflateRawSync(samples['words']!.subarray(0, 5000));
    for (let at = 0; at < packed.length; at++) {
      const damaged = new Uint8Array(packed);
      damaged[at]! ^= 1 << (at % 8);
      try {
        expect(inflateRawBytes(damaged, 20_000).length).toBeLessThanOrEqual(20_000);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(error).not.toBeInstanceOf(RangeError);
      }
    }
  });
});
