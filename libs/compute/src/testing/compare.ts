/** Compares what a device computed with what the reference says. */
import type { HostArray } from '../tensor/spec.ts';

/**
 * How non-finite numbers must come out. exact: the same NaN and infinities in the same places. spreads: where the reference
 * is not finite the result is not finite either, elsewhere it may also be NaN (algorithms that multiply by zero).
 */
export type NonFinite = 'exact' | 'spreads';

/** A sentence about the worst element, or undefined if all agree. `tolerance` is relative to max(1, greatest absolute value). */
export function difference(
  got: HostArray,
  want: ArrayLike<number>,
  tolerance: number,
  nonFinite: NonFinite = 'exact',
): string | undefined {
  if (got.length !== want.length) return `${got.length} numbers, ${want.length} expected`;
  let greatest = 1;
  for (let k = 0; k < want.length; k++) if (Number.isFinite(want[k])) greatest = Math.max(greatest, Math.abs(want[k]));
  let worst = -1;
  let most = tolerance * greatest;
  for (let k = 0; k < want.length; k++) {
    if (Number.isFinite(want[k]) && Number.isFinite(got[k])) {
      const off = Math.abs(got[k] - want[k]);
      if (off > most) {
        most = off;
        worst = k;
      }
    } else if (nonFinite === 'exact' ? !Object.is(got[k], want[k]) : Number.isFinite(got[k])) {
      return `element ${k} is ${got[k]}, the reference says ${want[k]}`;
    }
  }
  return worst < 0
    ? undefined
    : `element ${worst} is ${got[worst]}, the reference says ${want[worst]} (off by ${most.toExponential(2)}, allowed ${(tolerance * greatest).toExponential(2)})`;
}
