/**
 * How often each axis is halved, and with which kernels: anisotropic axes wait until the others have caught up.
 *
 * Source: nnU-Net v2, `get_pool_and_conv_props`.
 */

/** Shortest edge a feature map may have. */
const MIN_EDGE = 4;
/** Axes whose spacing is below this many times the finest count as equally fine. */
const SIMILAR = 2;

/** Lists hold one entry per stage, full resolution first; entries one number per axis. */
export interface Topology {
  readonly strides: readonly (readonly number[])[];
  readonly kernels: readonly (readonly number[])[];
  /** The patch, padded up so that every halving comes out even. */
  readonly patch: readonly number[];
  /** What each axis of the patch is a multiple of. */
  readonly divisibleBy: readonly number[];
}

/** `spacingMm` and `patch`: two or three numbers, slowest axis first; the patch may have halves. */
export function topologyFor(spacingMm: readonly number[], patch: readonly number[]): Topology {
  const spacing = [...spacingMm];
  const size = [...patch];
  const kernel = spacing.map(() => 1);
  const divisibleBy = spacing.map(() => 1);
  const strides = [spacing.map(() => 1)];
  const kernels: number[][] = [];
  for (;;) {
    const axes = axesToHalve(spacing, size);
    if (axes.length === 0) break;
    const finest = Math.min(...spacing);
    spacing.forEach((s, axis) => {
      if (s / finest < SIMILAR) kernel[axis] = 3;
    });
    kernels.push([...kernel]);
    strides.push(spacing.map((_, axis) => (axes.includes(axis) ? 2 : 1)));
    for (const axis of axes) {
      divisibleBy[axis]! *= 2;
      spacing[axis]! *= 2;
      size[axis] = Math.ceil(size[axis]! / 2);
    }
  }
  kernels.push(spacing.map(() => 3));
  return { strides, kernels, patch: patch.map((n, axis) => padTo(n, divisibleBy[axis]!)), divisibleBy };
}

function axesToHalve(spacing: readonly number[], size: readonly number[]): number[] {
  const large = [...size.keys()].filter((axis) => size[axis]! >= 2 * MIN_EDGE);
  const finest = Math.min(...large.map((axis) => spacing[axis]!));
  const axes = large.filter((axis) => spacing[axis]! / finest < SIMILAR);
  // A single axis is only worth a stage of its own while it is long.
  return axes.length === 1 && size[axes[0]!]! < 3 * MIN_EDGE ? [] : axes;
}

function padTo(n: number, multiple: number): number {
  return Math.trunc(Math.ceil(n / multiple) * multiple);
}
