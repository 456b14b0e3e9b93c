/** Mirroring of chosen axes, each with a probability of one half. Exact, and its own inverse. */
import { reindex, type AxisMap, type Tensor } from '@voxelwise/compute';
import type { Volume } from '@voxelwise/volume';
import { mapVolumes, type Application, type Scene, type Transform } from '../../contract/transform.ts';
import { affineAfter } from './spatial.ts';

export interface MirrorParameters {
  readonly axes: readonly number[];
}

export const mirrorApplication: Application<MirrorParameters> & {
  apply(to: Scene, parameters: MirrorParameters): Scene;
} = {
  name: 'mirror',
  apply: (scene, { axes }) => (axes.length === 0 ? scene : mapVolumes(scene, (volume) => mirrored(volume, axes))),
  invert: (volume, { axes }) => (axes.length === 0 ? volume : mirrored(volume, axes)),
};

/** `axes`: array axes that may be mirrored. */
export const mirror = ({
  axes,
  probability = 0.5,
}: {
  readonly axes: readonly number[];
  readonly probability?: number;
}): Transform<MirrorParameters> => ({
  ...mirrorApplication,
  measures: false,
  sample: (_scene, rng) => ({ axes: axes.filter(() => rng.uniform() < probability) }),
});

export function mirrored(volume: Volume<Tensor>, axes: readonly number[]): Volume<Tensor> {
  const { shape, affine } = volume.grid;
  const maps = shape.map((n, axis) => ({
    axis,
    size: n,
    rule: 'move',
    start: axes.includes(axis) ? n - 1 : 0,
    step: axes.includes(axis) ? -1 : 1,
  })) as unknown as [AxisMap, AxisMap, AxisMap];
  const matrix = maps.flatMap(({ start, step }, axis) =>
    [0, 1, 2].map((k): number => (k === axis ? step : 0)).concat(start),
  );
  return {
    ...volume,
    grid: { shape, affine: affineAfter(affine, matrix) },
    voxels: reindex({ x: volume.voxels }, { axes: maps }),
  };
}
