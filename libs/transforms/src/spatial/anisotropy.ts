/** Thick slices, simulated: an axis is sampled coarsely by nearest neighbor, and linearly back. Source: TorchIO. */
import type { Grid } from '@voxelwise/volume';
import { hostIntensity, type HostVoxels } from '../contract/host.ts';
import { draw, type Range, type Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';

export interface AnisotropyParameters {
  readonly axis: number;
  /** How many times as thick. */
  readonly factor: number;
}

export const anisotropyApplication = hostIntensity<AnisotropyParameters>(
  'anisotropy',
  ({ data, shape }: HostVoxels, { axis, factor }, { grid }) => {
    const n = shape[axis + 1]!;
    const inner = shape.slice(axis + 2).reduce((a, b) => a * b, 1);
    const source = thickPlanes(grid, axis, factor);
    const m = source.length;
    const taps = Array.from({ length: n }, (_, i) => {
      const q = (i - (n - 1) / 2) / factor + (m - 1) / 2;
      // Beyond the thick grid by half a voxel there is nothing.
      if (!(q >= -0.5 && q < m - 0.5)) return undefined;
      const inside = Math.min(m - 1, Math.max(0, q));
      const low = Math.min(Math.floor(inside), Math.max(0, m - 2));
      return { near: source[low]!, far: source[Math.min(m - 1, low + 1)]!, weight: inside - low };
    });
    return data.map((_, v) => {
      const i = Math.floor(v / inner) % n;
      const tap = taps[i];
      return tap === undefined
        ? 0
        : data[v + (tap.near - i) * inner]! * (1 - tap.weight) + data[v + (tap.far - i) * inner]! * tap.weight;
    });
  },
);

/**
 * The plane that each thick one is read from, ties up. Both grids share their center. Reckoned in millimetres along the axis from the
 * image's own origin, as TorchIO and ITK do: where factors are whole, every plane lies on a tie, and rounding decides.
 */
function thickPlanes({ shape, affine }: Grid, axis: number, factor: number): number[] {
  const n = shape[axis]!;
  const column = [0, 1, 2].map((row) => affine[row * 4 + axis]!);
  const mm = Math.hypot(...column);
  const origin = column.reduce((sum, c, row) => sum + (c / mm) * affine[row * 4 + 3]!, 0);
  const thick = mm * factor;
  const m = Math.max(1, Math.floor((n * mm) / thick));
  const first = (origin + (n - 1) * mm + origin) / 2 - ((m - 1) / 2) * thick;
  return Array.from({ length: m }, (_, o) =>
    Math.min(n - 1, Math.max(0, Math.floor((first + o * thick - origin) / mm + 0.5))),
  );
}

export function anisotropy({
  axis,
  factor,
}: {
  readonly axis: number | readonly number[];
  readonly factor: Range;
}): Transform<AnisotropyParameters> {
  return {
    ...anisotropyApplication,
    measures: false,
    sample: (_scene, rng) => {
      const drawn = draw(factor, rng);
      if (!(drawn >= 1))
        throw new TransformError(`anisotropy: the factor is at least 1, came ${drawn}.`, { factor: drawn });
      return { axis: typeof axis === 'number' ? axis : axis[rng.integer(0, axis.length)]!, factor: drawn };
    },
  };
}
