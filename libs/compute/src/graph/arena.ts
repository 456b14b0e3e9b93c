/** Offsets for temporaries in one arena, from their lifetimes: greedy by size, best fit. */

export interface Lifetime {
  readonly bytes: number;
  /** First and last step (inclusive) in which the memory is used. */
  readonly first: number;
  readonly last: number;
}

/** Plans offsets so that no two lifetimes that overlap in time overlap in memory. Source: greedy-by-size, Pisarchyk & Lee 2020. */
export function planArena(
  lifetimes: readonly Lifetime[],
  alignment: number,
): { readonly offsets: number[]; readonly bytes: number } {
  const order = lifetimes.map((_, k) => k).sort((a, b) => lifetimes[b]!.bytes - lifetimes[a]!.bytes || a - b);
  const offsets = new Array<number>(lifetimes.length).fill(0);
  const placed: number[] = []; // by offset
  let total = 0;
  for (const k of order) {
    const want = lifetimes[k]!;
    let cursor = 0;
    let best = -1;
    let bestGap = Infinity;
    for (const other of placed) {
      const there = lifetimes[other]!;
      if (there.last < want.first || there.first > want.last) continue;
      const gap = offsets[other]! - cursor;
      if (gap >= want.bytes && gap < bestGap) {
        best = cursor;
        bestGap = gap;
      }
      cursor = Math.max(cursor, align(offsets[other]! + there.bytes, alignment));
    }
    const offset = best >= 0 ? best : cursor;
    offsets[k] = offset;
    total = Math.max(total, offset + want.bytes);
    let at = placed.length;
    while (at > 0 && offsets[placed[at - 1]!]! > offset) at--;
    placed.splice(at, 0, k);
  }
  return { offsets, bytes: align(total, alignment) };
}

export function align(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
