/** The fast loops over 16-bit pixels against plain ones, every length around a vector, extremes included. */
import { describe, expect, it } from 'vitest';
import { decodeRle, decodeRleWords } from './rle.ts';
import { settleInto, unpackWords, wordsRoom } from './words.ts';

let state = 7;
/** A pseudo-random whole number from 0 to `below` - 1. */
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

describe('settling words', () => {
  for (const [kind, lowest, highest] of [
    [Int16Array, -32768, 32767],
    [Uint16Array, 0, 65535],
  ] as const)
    for (const signed of kind === Int16Array ? [false, true] : [false])
      it(`${signed ? 'signed' : 'unsigned'} to ${kind.name}`, () => {
        let refused = 0;
        for (let n = 0; n < 600; n++) {
          const bitsStored = 1 + random(16);
          const highBit = bitsStored - 1 + random(17 - bitsStored);
          const intercept = [0, -1024, 7, -32768, 32768, -(2 ** 30)][random(6)]!;
          const words = Uint16Array.from({ length: 1 + random(40) }, () =>
            random(4) === 0 ? [0, 0x7fff, 0x8000, 0xffff][random(4)]! : random(65536),
          );
          const wanted = [...words].map((word) => {
            const value = Math.floor(word / 2 ** (highBit + 1 - bitsStored)) % 2 ** bitsStored;
            return (signed && value >= 2 ** (bitsStored - 1) ? value - 2 ** bitsStored : value) + intercept;
          });
          const target = new kind(words.length).fill(99);
          wordsRoom(words.length).set(new Uint8Array(words.buffer));
          const fits = wanted.every((v) => v >= lowest && v <= highest);
          const settled = settleInto(target, { signed, above: 15 - highBit, unused: 16 - bitsStored, intercept });
          expect(settled).toBe(fits);
          if (!fits) refused++;
          expect([...target]).toEqual(fits ? wanted : wanted.map(() => 99));
        }
        expect(refused).toBeGreaterThan(50);
      });
});

describe('unpacking RLE', () => {
  /** A frame of two segments, each of literal and repeated runs of every length. */
  const frame = (count: number): Uint8Array => {
    const segments = [0, 1].map(() => {
      const bytes: number[] = [];
      for (let filled = 0; filled < count;) {
        const run = 1 + random(Math.min(128, count - filled));
        const kind = random(5);
        if (kind === 0) bytes.push(128);
        else if (kind < 3) bytes.push(run - 1, ...Array.from({ length: run }, () => random(256)));
        else if (run > 1) bytes.push(257 - run, random(256));
        if (kind > 0 && (kind < 3 || run > 1)) filled += run;
      }
      return bytes;
    });
    const header = new Uint32Array(16);
    header.set([2, 64, 64 + segments[0]!.length]);
    return Uint8Array.from([...new Uint8Array(header.buffer), ...segments.flat()]);
  };

  it('gives what the plain loop gives', () => {
    for (let n = 0; n < 200; n++) {
      const count = 1 + random(700);
      const packed = frame(count);
      const wanted = new Uint16Array(count);
      decodeRle(packed, { pixels: count, samples: 1, bytesPerSample: 2 }, new Uint8Array(wanted.buffer));
      const words = new Uint16Array(count);
      const middle = new DataView(packed.buffer).getUint32(8, true);
      expect(
        unpackWords(
          packed,
          [
            [64, middle],
            [middle, packed.length],
          ],
          words,
        ),
      ).toBe(true);
      expect(words).toEqual(wanted);
    }
  });

  it('refuses what is cut short, wherever the cut is', () => {
    const packed = frame(300);
    for (let length = 0; length < packed.length; length++)
      expect(() => decodeRleWords(packed.slice(0, length), new Int16Array(300))).toThrow(/RLE: /);
  });
});
