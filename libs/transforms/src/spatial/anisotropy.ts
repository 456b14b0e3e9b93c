/** Thick slices, simulated: an axis is sampled coarsely by nearest neighbor, and linearly back. Source: TorchIO. */
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
  ({ data, shape }: HostVoxels, { axis, factor }) => {
    const n = shape[axis + 1]!;
    const m = Math.max(1, Math.floor(n / factor + 1e-9));
    const inner = shape.slice(axis + 2).reduce((a, b) => a * b, 1);
    // Both grids share their center; the source plane of each thick one, ties up as in ITK.
    const source = Array.from({ length: m }, (_, o) =>
      Math.min(n - 1, Math.max(0, Math.floor((o - (m - 1) / 2) * factor + n / 2))),
    );
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
