/** Carries out a placement on a volume: index moves where they are exact, else one sampling. */
import {
  reindex,
  sampleAffine,
  splineCoefficients,
  type AxisMap,
  type Boundary,
  type Tensor,
} from '@voxelwise/compute';
import type { Grid, PerAxis, Volume } from '@voxelwise/volume';
import type { Placement, Sampling } from '../contract/transform.ts';
import type { Matrix34 } from './matrix.ts';

/** How far from whole numbers a matrix may be and still be an index move. */
const EXACT = 1e-5;
/** Voxels put around an image before a spline, so that what lies beyond them no longer counts (pole^12 < 2e-7). */
const SPLINE_MARGIN = 12;

export const LINEAR: Sampling = { interpolation: 'linear', labels: 'nearest', padding: 'zeros', fill: 0, labelFill: 0 };

/** The maps of an index move, or undefined if the matrix is none. */
export function indexMove(matrix: Matrix34, shape: PerAxis): [AxisMap, AxisMap, AxisMap] | undefined {
  const maps: AxisMap[] = [];
  for (let k = 0; k < 3; k++) {
    const column = [0, 1, 2].map((row) => matrix[row * 4 + k]!);
    const axis = column.findIndex((value) => Math.abs(Math.abs(value) - 1) < EXACT);
    if (axis < 0 || column.some((value, row) => row !== axis && Math.abs(value) > EXACT)) return undefined;
    const start = matrix[axis * 4 + 3]!;
    if (Math.abs(start - Math.round(start)) > EXACT) return undefined;
    maps.push({
      axis: axis as 0 | 1 | 2,
      size: shape[k]!,
      rule: 'move',
      start: Math.round(start) + 0,
      step: Math.sign(column[axis]!),
    });
  }
  return new Set(maps.map(({ axis }) => axis)).size === 3 ? (maps as [AxisMap, AxisMap, AxisMap]) : undefined;
}

const BOUNDARY: Record<Sampling['padding'], Boundary> = {
  zeros: 'constant',
  border: 'edge',
  reflect: 'symmetric',
  halfVoxel: 'constant',
  mirror: 'reflect',
};
/** What a spline takes for granted beyond the image: SciPy's map_coordinates, and for half voxels ITK's interpolator. */
const SPLINE_BOUNDARY: Record<Sampling['padding'], Boundary> = {
  zeros: 'reflect',
  border: 'edge',
  reflect: 'symmetric',
  halfVoxel: 'reflect',
  mirror: 'reflect',
};

export function moveVolume(
  volume: Volume<Tensor>,
  { grid, matrix }: Placement,
  sampling: Sampling,
  displacement?: Tensor,
): Volume<Tensor> {
  return {
    ...volume,
    grid,
    voxels: moveVoxels(volume.voxels, volume.kind, volume.grid, grid.shape, matrix, sampling, displacement),
  };
}

function moveVoxels(
  x: Tensor,
  kind: Volume['kind'],
  from: Grid,
  shape: PerAxis,
  matrix: Matrix34,
  sampling: Sampling,
  displacement?: Tensor,
): Tensor {
  const labels = kind === 'labels';
  const fill = labels ? sampling.labelFill : sampling.fill;
  const maps = displacement ? undefined : indexMove(matrix, shape);
  if (maps) {
    if (
      maps.every(({ axis, size, start, step }, k) => axis === k && size === from.shape[k] && start === 0 && step === 1)
    )
      return x;
    return reindex({ x }, { axes: maps, boundary: BOUNDARY[sampling.padding], fill });
  }
  const interpolation = labels ? sampling.labels : sampling.interpolation;
  const options = { shape, matrix: [...matrix], padding: sampling.padding, fill };
  if (interpolation !== 'cubic') return sampleAffine({ x, displacement }, { ...options, interpolation });
  // A single slice has nothing to interpolate across.
  const margin = from.shape.map((n) => (n === 1 ? 0 : SPLINE_MARGIN));
  const padded = reindex(
    { x },
    {
      boundary: SPLINE_BOUNDARY[sampling.padding],
      axes: from.shape.map((n, axis) => ({
        axis,
        size: n + 2 * margin[axis]!,
        rule: 'move',
        start: -margin[axis]!,
        step: 1,
      })) as unknown as [AxisMap, AxisMap, AxisMap],
    },
  );
  const coefficients = splineCoefficients({ x: padded });
  padded.dispose();
  // With a border SciPy clamps positions where its margin ends, not where the image does: the spline rings a little beyond the edge.
  const where =
    sampling.padding === 'border'
      ? { matrix: matrix.map((value, k) => (k % 4 === 3 ? value + margin[(k - 3) / 4]! : value)) }
      : { margin };
  const result = sampleAffine({ x: coefficients, displacement }, { ...options, ...where, interpolation: 'cubic' });
  coefficients.dispose();
  return result;
}
