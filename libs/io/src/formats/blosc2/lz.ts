/**
 * The two dictionary coders without entropy coding that Blosc packs with. Both write into a place of known size and check
 * every step. Source: LZ4 block format description (Collet); BloscLZ, a variant of FastLZ (Hidayat) in c-blosc2.
 */

/** How many bytes were written; undefined for a damaged stream or one that does not fit. */
export type Unpack = (from: Uint8Array, to: Uint8Array) => number | undefined;

const SHORTEST_LZ4_MATCH = 4;

/** Copies `length` bytes from `distance` back; they may overlap, which repeats them. */
function repeat(to: Uint8Array, at: number, distance: number, length: number): void {
  if (distance >= length) to.copyWithin(at, at - distance, at - distance + length);
  else if (distance === 1) to.fill(to[at - 1]!, at, at + length);
  else for (let k = at; k < at + length; k++) to[k] = to[k - distance]!;
}

/** Sequences of a token, literals, a distance of two bytes and a match; the last has literals only. */
export const unpackLz4: Unpack = (from, to) => {
  let [read, written] = [0, 0];
  /** Fifteen means: more bytes follow, up to the first below 255. */
  const length = (nibble: number): number => {
    let sum = nibble;
    if (nibble === 15)
      for (let more = 255; more === 255;) {
        if (read >= from.length) return Infinity;
        more = from[read++]!;
        sum += more;
      }
    return sum;
  };
  while (read < from.length) {
    const token = from[read++]!;
    const literals = length(token >>> 4);
    if (literals > from.length - read || literals > to.length - written) return undefined;
    to.set(from.subarray(read, read + literals), written);
    read += literals;
    written += literals;
    if (read === from.length) return written;
    if (from.length - read < 2) return undefined;
    const distance = from[read]! | (from[read + 1]! << 8);
    read += 2;
    const match = length(token & 15) + SHORTEST_LZ4_MATCH;
    if (distance === 0 || distance > written || match > to.length - written) return undefined;
    repeat(to, written, distance, match);
    written += match;
  }
  return undefined;
};

const FARTHEST_SHORT = 8191;

/** Control bytes: below 32 a run of literals, else a match whose distance has 13 bits, or 16 more after thirteen ones. */
export const unpackBlosclz: Unpack = (from, to) => {
  if (from.length === 0) return undefined;
  let written = 0;
  let read = 1;
  let control = from[0]! & 31; // its upper bits mark the format
  for (;;) {
    if (control < 32) {
      const literals = control + 1;
      if (literals > from.length - read || literals > to.length - written) return undefined;
      to.set(from.subarray(read, read + literals), written);
      read += literals;
      written += literals;
    } else {
      let match = (control >>> 5) + 2;
      if (control >>> 5 === 7)
        for (let more = 255; more === 255;) {
          if (read >= from.length) return undefined;
          more = from[read++]!;
          match += more;
        }
      if (read >= from.length) return undefined;
      const low = from[read++]!;
      let distance = ((control & 31) << 8) + low + 1;
      if (distance === FARTHEST_SHORT + 1) {
        if (from.length - read < 2) return undefined;
        distance = ((from[read]! << 8) | from[read + 1]!) + FARTHEST_SHORT + 1;
        read += 2;
      }
      if (distance > written || match > to.length - written) return undefined;
      repeat(to, written, distance, match);
      written += match;
    }
    if (read >= from.length) return written;
    control = from[read++]!;
  }
};
