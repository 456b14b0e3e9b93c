/** New voxel sizes, orientations, and the grid of another image. */
import {
  determinant3,
  linearPart,
  nearestOrthogonal,
  orientation as orientationOf,
  spacing as spacingOf,
  type Grid,
  type Matrix3,
  type PerAxis,
} from '@voxelwise/volume';
import type { Placement, Sampling, Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { roundHalfEven } from '../nnunet/resampling.ts';
import {
  applyTo,
  between,
  compose,
  diagonal,
  fromAffine,
  invert,
  linear,
  product,
  regrid,
  toAffine,
  translation,
  type Matrix34,
} from './matrix.ts';
import { placedApplication, placedTransform, readGrid, recordGrid, type GridRecord, type Placed } from './placed.ts';

export interface SpacingSettings {
  /** Millimetres per array axis; null (or not positive): the axis keeps its own. */
  readonly spacingMm: readonly (number | null)[];
  /**
   * What stays where it was: `center` (default), the middle of the image, with round(n · spacing / target) voxels; `corners`,
   * the outermost voxel centers (MONAI's default); `edges`, the first voxel's outer face (MONAI's scale_extent).
   */
  readonly extent?: 'center' | 'edges' | 'corners';
  /** How sizes round; `down` is TorchIO's rule. Default: to nearest, half to even. */
  readonly rounding?: 'nearest' | 'down';
  /** Axes of the result run along the world axes. */
  readonly diagonal?: boolean;
  /** Axes whose spacing lies between these bounds (and the target) keep it. */
  readonly minMm?: readonly (number | null)[];
  readonly maxMm?: readonly (number | null)[];
  /** MONAI's `align_corners=True`: stretches by up to half a voxel. Only for the same values as there. */
  readonly alignCorners?: boolean;
  /** MONAI's `recompute_affine`: the result forgets where it lay and claims plain scales. Only for the same values as there. */
  readonly forgetWorld?: boolean;
}

const NEAR = 1e-3;

export function spacingPlacement(
  grid: Grid,
  {
    spacingMm,
    extent = 'center',
    rounding = 'nearest',
    diagonal: straight = false,
    minMm,
    maxMm,
    alignCorners = false,
    forgetWorld = false,
  }: SpacingSettings,
): Placement {
  const current = spacingOf(grid);
  if (!current.every((mm) => mm > 0))
    throw new TransformError(
      `spacing: the image has a voxel size of 0 mm ([${current.join(', ')}]); its geometry is broken.`,
      { current },
    );
  const target = current.map((mm, axis) => {
    const wanted = spacingMm[Math.min(axis, spacingMm.length - 1)];
    if (wanted === null || wanted === undefined || !(wanted > 0)) return mm;
    const low = Math.min(minMm?.[axis] ?? wanted, wanted);
    const high = Math.max(maxMm?.[axis] ?? wanted, wanted);
    return mm >= low - NEAR && mm <= high + NEAR && (minMm || maxMm) ? mm : wanted;
  });
  const turn = extent === 'center' ? orthogonalOf(grid) : rotationOf(grid);
  const turned = linear(straight ? diagonalBlock(target) : product(turn, diagonalBlock(target)));
  const inverse = invert(turned);
  const edge = extent === 'corners' ? 0 : 0.5;
  const corners = Array.from({ length: 8 }, (_, k) =>
    applyTo(
      compose(inverse, fromAffine(grid.affine)),
      [0, 1, 2].map((axis) => ((k >> axis) & 1 ? grid.shape[axis]! - 1 + edge : -edge)),
    ),
  );
  const low = [0, 1, 2].map((axis) => Math.min(...corners.map((corner) => corner[axis]!)));
  const reach = [0, 1, 2].map((axis) => Math.max(...corners.map((corner) => corner[axis]!)) - low[axis]!);
  const shape = reach.map((e, axis) => {
    if (extent === 'corners') return roundHalfEven(e + 1);
    // TorchIO's own arithmetic: of a size that is all but whole, rounding decides there as here.
    return rounding === 'down'
      ? Math.max(1, Math.floor((grid.shape[axis]! * current[axis]!) / target[axis]!))
      : Math.max(1, roundHalfEven(e));
  }) as unknown as PerAxis;
  const origin =
    extent === 'center'
      ? centerOrigin(grid, shape, turned)
      : extent === 'edges'
        ? edgeOrigin(grid, shape, straight, turned, low)
        : cornerOrigin(grid, shape, turned, corners, low);
  const after: Grid = {
    shape,
    affine: toAffine(turned.map((value, k) => (k % 4 === 3 ? origin[Math.floor(k / 4)]! : value))),
  };
  const matrix = between(grid, after);
  const scales = grid.shape.map((n, axis) => n / shape[axis]!);
  const forgotten = compose(translation(scales.map((s) => (s - 1) / 2)), diagonal(scales));
  return {
    grid: forgetWorld ? { shape, affine: toAffine(forgotten) } : after,
    matrix: alignCorners ? cornerAligned(matrix, grid.shape, shape) : matrix,
  };
}

/** The middle of the new grid is the middle of the old one. */
function centerOrigin(grid: Grid, shape: PerAxis, turned: Matrix34): PerAxis {
  const center = applyTo(
    fromAffine(grid.affine),
    grid.shape.map((n) => (n - 1) / 2),
  );
  const half = applyTo(
    turned,
    shape.map((m) => (m - 1) / 2),
  );
  return center.map((c, axis) => c - half[axis]!) as unknown as PerAxis;
}

/** MONAI's scale_extent: the first voxel moves as if the extents were equal. */
function edgeOrigin(grid: Grid, shape: PerAxis, straight: boolean, turned: Matrix34, low: readonly number[]): PerAxis {
  if (straight)
    return applyTo(
      turned,
      low.map((value) => value + 0.5),
    );
  return applyTo(
    fromAffine(grid.affine),
    grid.shape.map((n, axis) => (n / shape[axis]! - 1) / 2),
  );
}

/** MONAI's origin: the corner that is least along every axis; where there is none, half sizes are laid on each other. */
function cornerOrigin(
  grid: Grid,
  shape: PerAxis,
  turned: Matrix34,
  corners: readonly PerAxis[],
  low: readonly number[],
): PerAxis {
  if (corners.some((corner) => corner.every((value, axis) => Math.abs(value - low[axis]!) < 1e-6)))
    return applyTo(turned, low);
  const center = applyTo(
    fromAffine(grid.affine),
    grid.shape.map((n) => n / 2),
  );
  const half = applyTo(
    turned,
    shape.map((m) => m / 2),
  );
  return center.map((c, axis) => c - half[axis]!) as unknown as PerAxis;
}

/** The rotation (or reflection) nearest to a grid's axes: of sheared axes none is preferred, in whatever order they are. */
function orthogonalOf(grid: Grid): number[] {
  const units = linearPart(grid.affine).map((value, k) => value / spacingOf(grid)[k % 3]!) as unknown as Matrix3;
  if (!(Math.abs(determinant3(units)) > 1e-6)) throw singular(grid);
  return [...nearestOrthogonal(units)];
}

/** MONAI's rotation of a grid's axes, which leaves the first where it is: R · chol(RᵀR)⁻ᵀ. */
function rotationOf(grid: Grid): number[] {
  const a = grid.affine;
  const columns = [0, 1, 2].map((k) => [a[k]!, a[4 + k]!, a[8 + k]!]);
  const done: number[][] = [];
  for (const column of columns) {
    const rest = [...column];
    for (const other of done) {
      const shared = other.reduce((sum, value, i) => sum + value * column[i]!, 0);
      rest.forEach((_, i) => (rest[i]! -= shared * other[i]!));
    }
    const length = Math.hypot(...rest);
    if (!(length > 1e-12)) throw singular(grid);
    done.push(rest.map((value) => value / length));
  }
  return [0, 1, 2].flatMap((i) => done.map((column) => column[i]!));
}

const singular = ({ affine }: Grid): TransformError =>
  new TransformError('spacing: the affine is singular: two axes of the image run along one direction.', {
    affine: [...affine],
  });

const diagonalBlock = (d: readonly number[]): number[] => [d[0]!, 0, 0, 0, d[1]!, 0, 0, 0, d[2]!];

/** MONAI's map for aligned corners: stretch the output to its edges, map, squeeze from the input's edges. A single slice stays. */
export function cornerAligned(matrix: Matrix34, from: readonly number[], to: readonly number[]): number[] {
  const stretch = compose(
    translation(to.map((m) => (m > 1 ? -0.5 : 0))),
    diagonal(to.map((m) => (m > 1 ? m / (m - 1) : 1))),
  );
  const squeeze = compose(
    diagonal(from.map((n) => (n > 1 ? (n - 1) / n : 1))),
    translation(from.map((n) => (n > 1 ? 0.5 : 0))),
  );
  return compose(squeeze, compose(matrix, stretch));
}

export const spacingApplication = placedApplication('spacing', spacingPlacement);
/** Resamples to a voxel size; reads beyond the image continue its border. */
export const spacing = ({
  sampling,
  ...settings
}: SpacingSettings & { readonly sampling?: Partial<Sampling> }): Transform<Placed<SpacingSettings>> =>
  placedTransform(spacingApplication, () => settings, { padding: 'border', ...sampling });

/** The image turned and mirrored, exactly, so that its array axes point as the three letters say, slowest first: 'SAR'. */
export function orientationPlacement(grid: Grid, codes: string): Placement {
  const axesOf = (letters: string): number[] =>
    [...letters].map((letter) => ['RL', 'AP', 'SI'].findIndex((pair) => pair.includes(letter)));
  if (codes.length !== 3 || [...axesOf(codes)].sort().join() !== '0,1,2')
    throw new TransformError(`orientation: expects three letters, one each of R/L, A/P and S/I, came '${codes}'.`, {
      codes,
    });
  const own = orientationOf(grid);
  const matrix = new Array<number>(12).fill(0);
  const shape = [...codes].map((letter, k) => {
    const axis = axesOf(own).indexOf(axesOf(letter)[0]!);
    const flipped = own[axis] !== letter;
    matrix[axis * 4 + k] = flipped ? -1 : 1;
    matrix[axis * 4 + 3] = flipped ? grid.shape[axis]! - 1 : 0;
    return grid.shape[axis]!;
  }) as unknown as PerAxis;
  return { grid: regrid(grid, matrix, shape), matrix };
}

export const orientationApplication = placedApplication(
  'orientation',
  (grid: Grid, { codes }: { readonly codes: string }) => orientationPlacement(grid, codes),
);
export const orientation = (codes: string): Transform<Placed<{ readonly codes: string }>> =>
  placedTransform(orientationApplication, () => ({ codes }));

export interface ResampleSettings {
  readonly onto: GridRecord;
  readonly alignCorners?: boolean;
}
export const resampleApplication = placedApplication(
  'resample',
  (grid: Grid, { onto, alignCorners = false }: ResampleSettings): Placement => {
    const after = readGrid(onto);
    const matrix = between(grid, after);
    return { grid: after, matrix: alignCorners ? cornerAligned(matrix, grid.shape, after.shape) : matrix };
  },
);
/** Resamples onto another image's grid. */
export const resample = ({
  onto,
  sampling,
  alignCorners,
}: {
  readonly onto: Grid;
  readonly alignCorners?: boolean;
  readonly sampling?: Partial<Sampling>;
}): Transform<Placed<ResampleSettings>> =>
  placedTransform(resampleApplication, () => ({ onto: recordGrid(onto), ...(alignCorners ? { alignCorners } : {}) }), {
    padding: 'border',
    ...sampling,
  });

/** The size that covers an image on axes of another affine: MONAI's rule for a destination without a size. */
export function coveringShape(grid: Grid, affine: ArrayLike<number>): PerAxis {
  const map = compose(invert(fromAffine(affine)), fromAffine(grid.affine));
  const corners = Array.from({ length: 8 }, (_, k) =>
    applyTo(
      map,
      [0, 1, 2].map((axis) => ((k >> axis) & 1 ? grid.shape[axis]! - 1 : 0)),
    ),
  );
  return [0, 1, 2].map((axis) =>
    roundHalfEven(Math.max(...corners.map((c) => c[axis]!)) - Math.min(...corners.map((c) => c[axis]!)) + 1),
  ) as unknown as PerAxis;
}
