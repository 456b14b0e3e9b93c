/** Rotations, zooms and general affine changes, in millimetres or (for MONAI's values) in voxels. */
import {
  linearPart,
  orientation as orientationOf,
  spacing as spacingOf,
  type Grid,
  type PerAxis,
} from '@voxelwise/volume';
import { draw, type Placement, type Range, type Sampling, type Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import {
  applyTo,
  compose,
  diagonal,
  IDENTITY,
  invert,
  linear,
  product,
  regrid,
  rotationAbout,
  translation,
  type Matrix34,
} from './matrix.ts';
import { placedApplication, placedTransform, type Placed } from './placed.ts';
import { cornerAligned } from './spacing.ts';

export interface AffineSettings {
  /** Row-major 3x4 about the centers, from the result to the image. */
  readonly matrix: readonly number[];
  /**
   * What the matrix is told in: millimetres along the patient's axes R, A, S; millimetres along the array axes; or voxels (which turns
   * anisotropic images into a shear: MONAI's semantics).
   */
  readonly space: 'patient' | 'array' | 'voxels';
  /** Size of the result; absent: as before. `fit`: large enough for all of the turned image. */
  readonly shape?: readonly number[] | 'fit';
  readonly alignCorners?: boolean;
}

/** The placement of a map about the centers: the grid says honestly where the voxels now are. */
export function affinePlacement(grid: Grid, { matrix, space, shape, alignCorners = false }: AffineSettings): Placement {
  // Three singular numbers in a row are easier to explain here than as NaN in an image.
  invert(matrix);
  const mm = voxelToMm(grid, space);
  const inVoxels = mm ? compose(invert(mm), compose(matrix, mm)) : matrix;
  const after = shape === 'fit' ? fitted(grid.shape, inVoxels) : ((shape ?? grid.shape) as PerAxis);
  const centers = compose(
    translation(grid.shape.map((n) => (n - 1) / 2)),
    compose(inVoxels, translation(after.map((n) => -(n - 1) / 2))),
  );
  return {
    grid: regrid(grid, centers, after),
    matrix: alignCorners ? cornerAligned(centers, grid.shape, after) : centers,
  };
}

/** From voxels about the center to millimetres about the center. */
function voxelToMm(grid: Grid, space: AffineSettings['space']): Matrix34 | undefined {
  if (space === 'voxels') return undefined;
  return space === 'array' ? diagonal(spacingOf(grid)) : linear(linearPart(grid.affine));
}

/** Size of the box around the turned image: extent of the corners, half up. */
function fitted(shape: PerAxis, matrix: Matrix34): PerAxis {
  const corners = Array.from({ length: 8 }, (_, k) =>
    applyTo(
      matrix,
      shape.map((n, axis) => ((k >> axis) & 1 ? n : 0)),
    ),
  );
  return shape.map((n, axis) =>
    n === 1
      ? 1
      : Math.floor(Math.max(...corners.map((c) => c[axis]!)) - Math.min(...corners.map((c) => c[axis]!)) + 0.5),
  ) as unknown as PerAxis;
}

export const affineApplication = placedApplication('affine', affinePlacement);

export interface AffineRanges {
  /** About the axes, in degrees. */
  readonly degrees?: readonly [Range, Range, Range];
  /** Above 1 enlarges what is seen. */
  readonly scale?: Range | readonly [Range, Range, Range];
  /** Off-diagonal numbers, row by row. */
  readonly shear?: readonly Range[];
  /** Millimetres by which the content moves along the axes. */
  readonly translateMm?: readonly [Range, Range, Range];
  /**
   * The axes that all of these are told in: R, A, S of the patient (default), so that results do not depend on how a file stores
   * its axes, or z, y, x of the array. A single slice only turns about its normal, and nothing moves across it.
   */
  readonly axes?: 'patient' | 'array';
  readonly sampling?: Partial<Sampling>;
}

/** Turns, scales, shears and moves what is seen, in millimetres, whatever the voxel size. */
export function affine({
  degrees = [0, 0, 0],
  scale = 1,
  shear = [0, 0, 0, 0, 0, 0],
  translateMm = [0, 0, 0],
  axes = 'patient',
  sampling,
}: AffineRanges): Transform<Placed<AffineSettings>> {
  return placedTransform(
    affineApplication,
    (rng, { images: { grid } }) => {
      const slice = grid.shape.indexOf(1);
      const frame = axes === 'array' || slice < 0 ? IDENTITY : nearestAxes(grid);
      const angles = degrees.map((range, axis) => {
        const angle = (draw(range, rng) / 180) * Math.PI;
        return slice >= 0 && frame[axis * 4 + slice] === 0 ? 0 : angle;
      });
      const perAxis = Array.isArray(scale) && scale.length === 3;
      const single = perAxis ? 1 : draw(scale as Range, rng);
      const factors = [0, 1, 2].map((axis) => (perAxis ? draw((scale as readonly Range[])[axis]!, rng) : single));
      if (factors.some((factor) => !(factor > 0)))
        throw new TransformError(`affine: scales are positive, came [${factors.join(', ')}].`, { scale: factors });
      const sheared = shear.map((range) => draw(range, rng));
      const move = translateMm.map((range) => draw(range, rng));
      const matrix = invert(
        compose(
          translation(move),
          compose(linear(eulerMatrix(angles)), compose(shearMatrix(sheared), diagonal(factors))),
        ),
      );
      if (slice < 0) return { matrix, space: axes };
      return { matrix: withinSlice(compose(invert(frame), compose(matrix, frame)), slice), space: 'array' };
    },
    sampling,
  );
}

/** The array axes as the nearest of R, A, S: ones and minus ones, a column per array axis. */
function nearestAxes(grid: Grid): number[] {
  const frame = new Array<number>(12).fill(0);
  [...orientationOf(grid)].forEach((letter, axis) => {
    const patient = ['RL', 'AP', 'SI'].findIndex((pair) => pair.includes(letter));
    frame[patient * 4 + axis] = 'RAS'.includes(letter) ? 1 : -1;
  });
  return frame;
}

/** The map without what leads across a single slice. */
const withinSlice = (matrix: readonly number[], axis: number): number[] =>
  matrix.map((value, k) => {
    const [row, column] = [Math.floor(k / 4), k % 4];
    return row === axis || column === axis ? Number(row === column) : value;
  });

/** Turns what is seen about its center by degrees about the patient's axes R, A, S (or the array's z, y, x), in millimetres. */
export const rotate = ({
  degrees,
  ...settings
}: {
  readonly degrees: Range | readonly [Range, Range, Range];
} & Pick<AffineRanges, 'axes' | 'sampling'>): Transform<Placed<AffineSettings>> =>
  affine({
    degrees:
      typeof degrees === 'number' || degrees.length === 2
        ? [degrees as Range, degrees as Range, degrees as Range]
        : degrees,
    ...settings,
  });

/** Rotation about axis 0, then 1, then 2: R0 · R1 · R2. Angles in radians. */
export function eulerMatrix(angles: readonly number[]): number[] {
  return product(
    rotationAbout(0, angles[0]!),
    product(rotationAbout(1, angles[1] ?? 0), rotationAbout(2, angles[2] ?? 0)),
  );
}

/** Ones on the diagonal, six numbers off it, row by row. */
export function shearMatrix(s: readonly number[]): number[] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = s;
  return [1, a, b, 0, c, 1, d, 0, e, f, 1, 0];
}

/** MONAI's `Affine`: rotation · shear · translation · scale in voxels, from the result to the image (so scale 1.2 shrinks). */
export function monaiAffineMatrix({
  radians = [0, 0, 0],
  shear = [],
  translateVoxels = [0, 0, 0],
  scale = [1, 1, 1],
}: {
  readonly radians?: readonly number[];
  readonly shear?: readonly number[];
  readonly translateVoxels?: readonly number[];
  readonly scale?: readonly number[];
}): number[] {
  return compose(
    linear(eulerMatrix(radians)),
    compose(shearMatrix(shear), compose(translation(translateVoxels), diagonal(scale))),
  );
}

/** MONAI's voxel-space affine as a transform, for the same values as there. */
export const monaiAffine = ({
  matrix,
  shape,
  alignCorners,
  sampling,
}: {
  readonly matrix: readonly number[];
  readonly shape?: readonly number[] | 'fit';
  readonly alignCorners?: boolean;
  readonly sampling?: Partial<Sampling>;
}): Transform<Placed<AffineSettings>> =>
  placedTransform(
    affineApplication,
    () => ({ matrix, space: 'voxels', ...(shape ? { shape } : {}), ...(alignCorners ? { alignCorners } : {}) }),
    sampling,
  );

export interface TorchioAffineSettings {
  /** Row-major 3x4 in RAS+ millimetres: where each point of the result is read in the image. The grid stays. */
  readonly world: readonly number[];
  /** Turn and scale about the image's center instead of the world's origin. */
  readonly aboutCenter: boolean;
}

/** Content moves in the patient, the grid stays (TorchIO's semantics; points of the case move along). */
export const torchioAffineApplication = placedApplication(
  'torchioAffine',
  (grid: Grid, { world, aboutCenter }: TorchioAffineSettings): Placement => {
    const own = Array.from(grid.affine.subarray(0, 12));
    const center = aboutCenter
      ? applyTo(
          own,
          grid.shape.map((n) => (n - 1) / 2),
        )
      : [0, 0, 0];
    const map = compose(translation(center), compose(world, translation(center.map((c) => -c))));
    return { grid, matrix: compose(invert(own), compose(map, own)) };
  },
);

/**
 * TorchIO's matrix: Euler angles (Z · X · Y), then the translation, then scales, in LPS, as ITK composes them; from the result to the image.
 * `scales`, `degrees`, `translationMm` along R, A, S.
 */
export function torchioAffineMatrix({
  scales,
  degrees,
  translationMm,
}: {
  readonly scales: readonly number[];
  readonly degrees: readonly number[];
  readonly translationMm: readonly number[];
}): number[] {
  const lps = diagonal([-1, -1, 1]);
  const [a, b, c] = degrees.map((d, axis) => ((axis < 2 ? -d : d) / 180) * Math.PI) as [number, number, number];
  const turn = product(rotationAbout(2, c), product(rotationAbout(0, a), rotationAbout(1, b)));
  const move = translationMm.map((t, axis) => (axis < 2 ? -t : t));
  const forward = compose(diagonal(scales), compose(translation(move), linear(turn)));
  return compose(lps, compose(invert(forward), lps));
}

export const torchioAffine = ({
  sampling,
  aboutCenter = true,
  ...drawn
}: {
  readonly scales: readonly number[];
  readonly degrees: readonly number[];
  readonly translationMm: readonly number[];
  readonly aboutCenter?: boolean;
  readonly sampling?: Partial<Sampling>;
}): Transform<Placed<TorchioAffineSettings>> =>
  placedTransform(torchioAffineApplication, () => ({ world: torchioAffineMatrix(drawn), aboutCenter }), sampling);
