/** Injured files for tests: the same number makes the same injuries, to repeat a failure. */

/** mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const BYTES = [0, 1, 0x7f, 0x80, 0xff];
/** Limits of the whole numbers, infinity and NaN as floats, and their neighborhood. */
const NUMBERS = [
  0n,
  1n,
  2n,
  0x7fn,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
].concat([
  0x7f800000n,
  0x7fc00000n,
  0x7ff0000000000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
]);
const WORDS =
  '-1|0|1|9999999999|1e999|NaN|(|..|none|(0,0,0)|LIST|LOCAL|%099d|True|gzip|hex|double|100000 100000 100000'.split('|');
/** Longest piece of another file that is put in. */
const GRAFT = 2000;

export interface Injury {
  /** Where the header ends, roughly: most injuries go there. */
  readonly focus: number;
  /** Files of the same kind, to take pieces from. */
  readonly others?: readonly Uint8Array[];
}

/** A copy with one to four injuries: bits, bytes, numbers at their limits, cuts, repeats, words of its text, pieces of other files. */
export function mutant(seed: Uint8Array, number: number, { focus, others = [seed] }: Injury): Uint8Array {
  const random = generator(number * 2654435761 + seed.length);
  const whole = (n: number): number => Math.floor(random() * n);
  const one = <T>(list: readonly T[]): T => list[whole(list.length)]!;
  let bytes = new Uint8Array(seed);
  for (let injury = 1 + whole(4); injury > 0 && bytes.length > 0; injury--) {
    const at = whole(random() < 0.7 ? Math.min(focus, bytes.length) : bytes.length);
    switch (whole(9)) {
      case 0:
        bytes[at]! ^= 1 << whole(8);
        break;
      case 1:
        bytes[at] = one(BYTES);
        break;
      case 2:
      case 3:
        put(at, one([2, 4, 8] as const), one([...NUMBERS, BigInt(bytes.length)]));
        break;
      case 4:
        bytes = bytes.slice(0, at);
        break;
      case 5:
        bytes = joined(bytes.subarray(0, Math.min(bytes.length, at + whole(64))), bytes.subarray(at));
        break;
      case 6:
        bytes.copyWithin(at, whole(bytes.length), bytes.length);
        break;
      case 7: {
        const other = one(others);
        const from = whole(other.length);
        bytes = joined(bytes.subarray(0, at), other.subarray(from, from + GRAFT));
        break;
      }
      default:
        replaceWord();
        break;
    }
  }
  return bytes;

  function put(at: number, width: 2 | 4 | 8, value: bigint): void {
    const view = new DataView(bytes.buffer);
    // fields lie at multiples of their width, if not always
    const place = random() < 0.7 ? at - (at % width) : at;
    const littleEndian = random() < 0.5;
    if (place + width > bytes.length) return;
    if (width === 2) view.setUint16(place, Number(value & 0xffffn), littleEndian);
    else if (width === 4) view.setUint32(place, Number(value & 0xffffffffn), littleEndian);
    else view.setBigUint64(place, value, littleEndian);
  }

  function replaceWord(): void {
    const text = new TextDecoder('latin1').decode(bytes.subarray(0, focus));
    const words = [...text.matchAll(/[^\s:=,"]+/g)];
    if (words.length === 0) return;
    const word = one(words);
    const other = random() < 0.5 ? one(WORDS) : one(words)[0];
    bytes = joined(
      bytes.subarray(0, word.index),
      Uint8Array.from(other, (letter) => letter.charCodeAt(0)),
      bytes.subarray(word.index + word[0].length),
    );
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}
