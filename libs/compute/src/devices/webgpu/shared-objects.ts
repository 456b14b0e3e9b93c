/**
 * Plans which temporaries share a buffer. Whole buffers are shared, not ranges of one: WebGPU forbids a dispatch to read
 * and write two ranges of the same buffer, and a buffer per object keeps each below the adapter's binding limit.
 * Source: greedy by size for shared objects, Pisarchyk & Lee 2020.
 */
import type { Lifetime } from '../../graph/arena.ts';

export interface ObjectPlan {
  /** Object of each lifetime. */
  readonly objects: number[];
  /** Bytes of each object, greatest first. */
  readonly bytes: number[];
}

export function planSharedObjects(lifetimes: readonly Lifetime[]): ObjectPlan {
  const order = lifetimes.map((_, k) => k).sort((a, b) => lifetimes[b]!.bytes - lifetimes[a]!.bytes || a - b);
  const objects = new Array<number>(lifetimes.length).fill(0);
  const bytes: number[] = [];
  const users: Lifetime[][] = [];
  for (const k of order) {
    const want = lifetimes[k]!;
    // Sizes only fall, so every object there is large enough; the smallest that is free wastes least.
    let chosen = -1;
    for (let object = bytes.length - 1; object >= 0; object--) {
      if (users[object]!.every((user) => user.last < want.first || user.first > want.last)) {
        chosen = object;
        break;
      }
    }
    if (chosen < 0) {
      chosen = bytes.length;
      bytes.push(want.bytes);
      users.push([]);
    }
    users[chosen]!.push(want);
    objects[k] = chosen;
  }
  return { objects, bytes };
}
