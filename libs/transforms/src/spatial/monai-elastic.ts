/**
 * MONAI's Rand3DElastic: uniform offsets, smoothed by a Gaussian that is not renormalized, times a magnitude in voxels, then an
 * affine map of the displaced grid. `elastic` is the one in millimetres.
 */
import { blur, Philox, tensor, type Device, type Tensor } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import {
  draw,
  mapVolumes,
  type Application,
  type Range,
  type Sampling,
  type Transform,
} from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { erfTaps } from '../intensity/gaussian-taps.ts';
import { monaiAffineMatrix } from './affine.ts';
import { displaced } from './field.ts';
import { compose, invert, translation } from './matrix.ts';
import { movePoints, movePointsByField } from './move-points.ts';
import { LINEAR } from './move.ts';

export interface MonaiElasticParameters {
  /** Where the offsets come from: a seed, or the numbers themselves, [3, z, y, x]. */
  readonly offsets: number | readonly number[];
  /** Of the Gaussian, voxels. */
  readonly sigma: number;
  readonly magnitude: number;
  /** Row-major 3x4 about the centers, from the result to the image, voxels. */
  readonly matrix: readonly number[];
  readonly sampling: Sampling;
}

/** The smoothed offsets, in voxels before the affine map. */
function smoothOffsets(
  device: Device,
  shape: PerAxis,
  { offsets, sigma, magnitude }: MonaiElasticParameters,
): Promise<Float32Array> {
  const size = 3 * shape[0] * shape[1] * shape[2];
  let values: Float32Array;
  if (typeof offsets === 'number') {
    const rng = new Philox(offsets);
    values = Float32Array.from({ length: size }, () => rng.uniform(-1, 1));
  } else values = Float32Array.from(offsets);
  if (values.length !== size)
    throw new TransformError(
      `monaiElastic: expects ${size} offsets for [3, ${shape.join(', ')}], came ${values.length}.`,
      { shape, offsets: values.length },
    );
  const raw = tensor(device, values, [3, ...shape]);
  // The offsets across a single slice have no meaning.
  const taps = shape.map((n) => (n === 1 ? [1] : erfTaps(sigma, 3)));
  const smooth = blur({ x: raw }, { boundary: 'zeros', channels: [taps, taps, taps] });
  return smooth.read().then((read) => {
    raw.dispose();
    smooth.dispose();
    return Float32Array.from(read, (value) => value * magnitude);
  });
}

export const monaiElasticApplication: Application<MonaiElasticParameters> = {
  name: 'monaiElastic',
  moves: 'positions',
  apply: async (scene, parameters) => {
    const { matrix, sampling } = parameters;
    const volumes = [scene.images, scene.labels, ...Object.values(scene.volumes ?? {})].filter((v) => v !== undefined);
    const fields = new Map<string, Float32Array>();
    for (const { grid, voxels } of volumes) {
      const key = grid.shape.join();
      if (!fields.has(key)) fields.set(key, await smoothOffsets(voxels.device, grid.shape, parameters));
    }
    const centered = ({ shape }: { shape: PerAxis }): number[] => {
      const centers = shape.map((n) => (n - 1) / 2);
      return compose(translation(centers), compose(matrix, translation(centers.map((c) => -c))));
    };
    const moved = mapVolumes(scene, (volume) => {
      const { grid, voxels } = volume;
      const field: Tensor = tensor(voxels.device, fields.get(grid.shape.join())!, [3, ...grid.shape]);
      const result = displaced(volume, field, sampling, centered(grid));
      field.dispose();
      return result;
    });
    if (!scene.points) return moved;
    // Voxel o is read at M(o + d(o)): points go back through M first, then through d.
    const { grid } = scene.images;
    const straight = movePoints(moved, scene, { grid, matrix: centered(grid) });
    return movePointsByField(straight, grid, fields.get(grid.shape.join())!);
  },
};

export interface MonaiElasticRanges {
  readonly sigma: Range;
  /** Before smoothing, which shrinks it to about a hundredth: 50 to 150 are usual. */
  readonly magnitude: Range;
  /** Radians about the array axes; off-diagonal numbers; voxels; factors around 0 that are added to 1. */
  readonly rotate?: readonly Range[];
  readonly shear?: readonly Range[];
  readonly translate?: readonly Range[];
  readonly scale?: readonly Range[];
  readonly sampling?: Partial<Sampling>;
}

export function monaiElastic({
  sigma,
  magnitude,
  rotate = [0, 0, 0],
  shear = [],
  translate = [0, 0, 0],
  scale = [0, 0, 0],
  sampling,
}: MonaiElasticRanges): Transform<MonaiElasticParameters> {
  return {
    ...monaiElasticApplication,
    measures: false,
    sample: (_scene, rng) => {
      const all = (ranges: readonly Range[]): number[] => ranges.map((range) => draw(range, rng));
      const drawn = { sigma: draw(sigma, rng), magnitude: draw(magnitude, rng) };
      if (!(drawn.sigma > 0)) throw new TransformError(`monaiElastic: sigma is positive, came ${drawn.sigma}.`, drawn);
      const matrix = monaiAffineMatrix({
        radians: all(rotate),
        shear: all(shear),
        translateVoxels: all(translate),
        scale: all(scale).map((s) => s + 1),
      });
      invert(matrix);
      return {
        ...drawn,
        matrix,
        offsets: rng.integer(0, 2 ** 32),
        sampling: { ...LINEAR, padding: 'border', ...sampling },
      };
    },
  };
}
