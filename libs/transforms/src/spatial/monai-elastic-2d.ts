/**
 * MONAI's Rand2DElastic: normal offsets on a coarse control grid, times a magnitude in pixels; an affine map of that grid, which is then
 * brought to every pixel by bicubic interpolation. `elastic` is the one in millimetres.
 */
import { Philox, resize, tensor, type Device } from '@voxelwise/compute';
import {
  draw,
  mapVolumesInTurn,
  type Application,
  type Range,
  type Sampling,
  type Transform,
} from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { monaiAffineMatrix } from './affine.ts';
import { displaced } from './field.ts';
import { invert } from './matrix.ts';
import { movePointsByField } from './move-points.ts';
import { LINEAR } from './move.ts';

export interface MonaiElastic2dParameters {
  /** Pixels between control points along y and x, whole numbers. */
  readonly spacing: readonly number[];
  readonly magnitude: number;
  /** Where the offsets come from: a seed, or the numbers themselves, [2, ...control points]. */
  readonly offsets: number | readonly number[];
  /** Row-major 3x4 about the center, from the result to the image, pixels. */
  readonly matrix: readonly number[];
  readonly sampling: Sampling;
}

/** Control points along an axis of n pixels: even where n is, and one spacing beyond the image. */
function controlPoints(n: number, spacing: number): number {
  return n % 2 === 0 ? 2 * Math.ceil((n - 1) / (2 * spacing) + 0.5) + 2 : 2 * Math.ceil((n - 1) / (2 * spacing)) + 3;
}

/** Displacements [3][pixels] of a slice of ny × nx pixels. */
async function fieldOf(
  device: Device,
  [ny, nx]: readonly [number, number],
  { spacing, magnitude, offsets, matrix }: MonaiElastic2dParameters,
): Promise<Float32Array> {
  const [gy, gx] = [controlPoints(ny, spacing[0]!), controlPoints(nx, spacing[1]!)];
  const points = gy * gx;
  const rng = typeof offsets === 'number' ? new Philox(offsets) : undefined;
  const drawn = rng ? Float64Array.from({ length: 2 * points }, () => rng.normal()) : (offsets as readonly number[]);
  if (drawn.length !== 2 * points)
    throw new TransformError(
      `monaiElastic2d: expects ${2 * points} offsets for [2, ${gy}, ${gx}] control points, came ${drawn.length}.`,
      { expected: 2 * points, offsets: drawn.length },
    );
  const grid = new Float32Array(2 * points);
  for (let k = 0; k < points; k++) {
    const y = (Math.floor(k / gx) - (gy - 1) / 2) * spacing[0]! + magnitude * drawn[k]!;
    const x = ((k % gx) - (gx - 1) / 2) * spacing[1]! + magnitude * drawn[points + k]!;
    for (const row of [1, 2])
      grid[(row - 1) * points + k] = matrix[row * 4 + 1]! * y + matrix[row * 4 + 2]! * x + matrix[row * 4 + 3]!;
  }
  const [my, mx] = [gy * spacing[0]!, gx * spacing[1]!];
  const coarse = tensor(device, grid, [1, 2, gy, gx]);
  const fine = resize({ x: coarse }, { size: [my, mx], mode: 'cubic' });
  const values = await fine.read();
  coarse.dispose();
  fine.dispose();
  const field = new Float32Array(3 * ny * nx);
  const [sy, sx] = [Math.floor(my / 2) - Math.floor(ny / 2), Math.floor(mx / 2) - Math.floor(nx / 2)];
  for (let y = 0; y < ny; y++)
    for (let x = 0; x < nx; x++) {
      const from = (sy + y) * mx + sx + x;
      field[ny * nx + y * nx + x] = values[from]! + (ny - 1) / 2 - y;
      field[2 * ny * nx + y * nx + x] = values[my * mx + from]! + (nx - 1) / 2 - x;
    }
  return field;
}

export const monaiElastic2dApplication: Application<MonaiElastic2dParameters> = {
  name: 'monaiElastic2d',
  moves: 'positions',
  apply: async (scene, parameters) => {
    const moved = await mapVolumesInTurn(scene, async (volume) => {
      const [nz, ny, nx] = volume.grid.shape;
      if (nz !== 1)
        throw new TransformError(
          `monaiElastic2d: expects images of one slice, came [${volume.grid.shape.join(', ')}]; monaiElastic deforms volumes.`,
          { case: scene.id, shape: volume.grid.shape },
        );
      const field = tensor(volume.voxels.device, await fieldOf(volume.voxels.device, [ny, nx], parameters), [
        3,
        1,
        ny,
        nx,
      ]);
      const result = displaced(volume, field, parameters.sampling);
      field.dispose();
      return result;
    });
    if (!scene.points) return moved;
    const { grid, voxels } = scene.images;
    return movePointsByField(moved, grid, await fieldOf(voxels.device, [grid.shape[1], grid.shape[2]], parameters));
  },
};

export interface MonaiElastic2dRanges {
  readonly spacing: readonly [number, number];
  /** Standard deviation of the offsets, pixels. */
  readonly magnitude: Range;
  /** Radians; off-diagonal numbers (row by row); pixels along y, x; factors around 0 that are added to 1. */
  readonly rotate?: Range;
  readonly shear?: readonly [Range, Range];
  readonly translate?: readonly [Range, Range];
  readonly scale?: readonly [Range, Range];
  readonly sampling?: Partial<Sampling>;
}

export function monaiElastic2d({
  spacing,
  magnitude,
  rotate = 0,
  shear = [0, 0],
  translate = [0, 0],
  scale = [0, 0],
  sampling,
}: MonaiElastic2dRanges): Transform<MonaiElastic2dParameters> {
  if (spacing.length !== 2 || !spacing.every((s) => Number.isInteger(s) && s > 0))
    throw new TransformError(
      `monaiElastic2d: spacing is two positive whole numbers of pixels, came [${spacing.join(', ')}].`,
      { spacing },
    );
  return {
    ...monaiElastic2dApplication,
    measures: false,
    sample: (_scene, rng) => {
      const drawnMagnitude = draw(magnitude, rng);
      const angle = draw(rotate, rng);
      const [a, b] = shear.map((range) => draw(range, rng));
      const moves = translate.map((range) => draw(range, rng));
      const factors = scale.map((range) => 1 + draw(range, rng));
      const matrix = monaiAffineMatrix({
        radians: [angle, 0, 0],
        shear: [0, 0, 0, a!, 0, b!],
        translateVoxels: [0, ...moves],
        scale: [1, ...factors],
      });
      invert(matrix);
      return {
        spacing,
        magnitude: drawnMagnitude,
        offsets: rng.integer(0, 2 ** 32),
        matrix,
        sampling: { ...LINEAR, padding: 'border', ...sampling },
      };
    },
  };
}
