/** Random smooth deformations, control grids, grid distortion. */
import { blur, gaussianNoise, rescaleIntensity, tensor, zeros, type Device, type Tensor } from '@voxelwise/compute';
import { spacing as spacingOf, type PerAxis } from '@voxelwise/volume';
import { draw, type Application, type Range, type Sampling, type Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { sampledTaps } from '../intensity/gaussian-taps.ts';
import { deform, patientGrid } from './field.ts';
import { LINEAR } from './move.ts';

export interface ElasticParameters {
  readonly key: readonly [number, number];
  /** Standard deviation of the displacement, millimetres. */
  readonly displacementMm: number;
  /** How far displacements are alike, millimetres. */
  readonly smoothnessMm: number;
  readonly sampling: Sampling;
}

/** A smooth random field with the given deviation. */
function randomField(
  device: Device,
  shape: PerAxis,
  mm: PerAxis,
  { key, displacementMm, smoothnessMm }: ElasticParameters,
): Tensor {
  const noise = gaussianNoise(
    { x: zeros(device, [3, ...shape]) },
    { key, deviations: shape.map((n) => (n === 1 ? 0 : 1)) },
  );
  const taps = mm.map((s, axis) => (shape[axis] === 1 ? [1] : sampledTaps(smoothnessMm / s, 3)));
  const smooth = blur({ x: noise }, { boundary: 'symmetric', channels: [taps, taps, taps] });
  // Smoothing white noise shrinks it by the root of the sum of the squared taps, axis by axis.
  const shrunk = taps.reduce((product, t) => product * Math.sqrt(t.reduce((sum, tap) => sum + tap * tap, 0)), 1);
  const field = rescaleIntensity(
    { x: smooth },
    {
      channels: mm.map((s) => ({
        low: null,
        high: null,
        subtract: 0,
        divide: 1,
        multiply: displacementMm / s / shrunk,
        add: 0,
      })),
    },
  );
  noise.dispose();
  smooth.dispose();
  return field;
}

export const elasticApplication: Application<ElasticParameters> = {
  name: 'elastic',
  moves: 'positions',
  apply: (scene, parameters) => {
    const grid = patientGrid(scene.images.grid);
    const field = randomField(scene.images.voxels.device, grid.shape, spacingOf(grid), parameters);
    return deform(scene, parameters.sampling, grid, field);
  },
};

/** Physical elastic deformation: a smooth random field in millimetres, whatever the voxel size. */
export function elastic({
  displacementMm,
  smoothnessMm,
  sampling,
}: {
  readonly displacementMm: Range;
  readonly smoothnessMm: Range;
  readonly sampling?: Partial<Sampling>;
}): Transform<ElasticParameters> {
  return {
    ...elasticApplication,
    measures: false,
    sample: (_scene, rng) => {
      const parameters = { displacementMm: draw(displacementMm, rng), smoothnessMm: draw(smoothnessMm, rng) };
      if (!(parameters.smoothnessMm > 0))
        throw new TransformError(`elastic: smoothnessMm is positive, came ${parameters.smoothnessMm}.`, parameters);
      return {
        ...parameters,
        key: [rng.integer(0, 2 ** 32), rng.integer(0, 2 ** 32)],
        sampling: { ...LINEAR, ...sampling },
      };
    },
  };
}

export interface ControlGridParameters {
  /** [z, y, x, 3] displacements in LPS+ millimetres at control points, C order; ends lie one cell outside the image. */
  readonly controlPoints: readonly number[];
  readonly controlShape: readonly number[];
  /** The mesh lies along the array axes (TorchIO), or along those nearest to S, A, R. */
  readonly axes: 'array' | 'patient';
  readonly sampling: Sampling;
}

/**
 * Free-form deformation by a control grid: cubic B-splines over a mesh of n - 3 cells from face to face of the image. Nothing moves
 * across a single slice. Source: Rueckert 1999; ITK.
 */
export const controlGridApplication: Application<ControlGridParameters> = {
  name: 'controlGrid',
  moves: 'positions',
  apply: (scene, { controlPoints, controlShape, axes, sampling }) => {
    const grid = axes === 'array' ? scene.images.grid : patientGrid(scene.images.grid);
    const field = toVoxels(bsplineField(controlPoints, controlShape, grid.shape), grid.affine, grid.shape);
    return deform(scene, sampling, grid, tensor(scene.images.voxels.device, field, [3, ...grid.shape]));
  },
};

/** Dense [3][voxels] values of the spline. */
function bsplineField(points: readonly number[], control: readonly number[], shape: PerAxis): Float64Array {
  // One axis at a time: from control points to voxels.
  let data = Float64Array.from(points);
  let sizes = [...control, 3];
  for (let axis = 0; axis < 3; axis++) {
    const n = shape[axis]!;
    const cells = control[axis]! - 3;
    if (cells < 1)
      throw new TransformError(`controlGrid: at least four control points per axis, came [${control.join(', ')}].`, {
        control,
      });
    const inner = sizes.slice(axis + 1).reduce((a, b) => a * b, 1);
    const outer = sizes.slice(0, axis).reduce((a, b) => a * b, 1);
    const next = new Float64Array(outer * n * inner);
    for (let i = 0; i < n; i++) {
      const t = ((i + 0.5) / n) * cells;
      const low = Math.min(cells - 1, Math.floor(t));
      const u = t - low;
      const v = 1 - u;
      const weights = [
        (v * v * v) / 6,
        (4 - 6 * u * u + 3 * u * u * u) / 6,
        (4 - 6 * v * v + 3 * v * v * v) / 6,
        (u * u * u) / 6,
      ];
      for (let o = 0; o < outer; o++)
        for (let k = 0; k < inner; k++)
          next[(o * n + i) * inner + k] = weights.reduce(
            (sum, w, j) => sum + w * data[(o * sizes[axis]! + low + j) * inner + k]!,
            0,
          );
    }
    data = next;
    sizes = sizes.map((size, a) => (a === axis ? n : size));
  }
  return data;
}

/** LPS millimetres per voxel [voxels][3] to index displacements [3][voxels]. */
function toVoxels(lps: Float64Array, affine: Float64Array, shape: PerAxis): Float32Array {
  const voxels = lps.length / 3;
  const inverse = invertLinear(affine);
  const field = new Float32Array(lps.length);
  for (let v = 0; v < voxels; v++) {
    const ras = [-lps[v * 3]!, -lps[v * 3 + 1]!, lps[v * 3 + 2]!];
    for (let row = 0; row < 3; row++)
      if (shape[row]! > 1)
        field[row * voxels + v] =
          inverse[row * 3]! * ras[0]! + inverse[row * 3 + 1]! * ras[1]! + inverse[row * 3 + 2]! * ras[2]!;
  }
  return field;
}

function invertLinear(a: Float64Array): number[] {
  const [m, n, o, p, q, r, s, t, u] = [a[0]!, a[1]!, a[2]!, a[4]!, a[5]!, a[6]!, a[8]!, a[9]!, a[10]!];
  const det = m * (q * u - r * t) - n * (p * u - r * s) + o * (p * t - q * s);
  if (!(Math.abs(det) > 1e-12))
    throw new TransformError('controlGrid: the affine of the image is singular; its geometry is broken.', {
      affine: [...a],
    });
  return [
    q * u - r * t,
    o * t - n * u,
    n * r - o * q,
    r * s - p * u,
    m * u - o * s,
    o * p - m * r,
    p * t - q * s,
    n * s - m * t,
    m * q - n * p,
  ].map((value) => value / det);
}

/** A random control grid as TorchIO draws it: uniform within ± `maxMm`, the outer `lockedBorders` layers still. */
export function controlGrid({
  points = [7, 7, 7],
  maxMm = 7.5,
  lockedBorders = 2,
  sampling,
}: {
  readonly points?: readonly number[];
  readonly maxMm?: number;
  readonly lockedBorders?: number;
  readonly sampling?: Partial<Sampling>;
} = {}): Transform<ControlGridParameters> {
  return {
    ...controlGridApplication,
    measures: false,
    sample: (_scene, rng) => {
      const [nz, ny, nx] = points as [number, number, number];
      const values: number[] = [];
      for (let z = 0; z < nz; z++)
        for (let y = 0; y < ny; y++)
          for (let x = 0; x < nx; x++) {
            const edge = Math.min(z, y, x, nz - 1 - z, ny - 1 - y, nx - 1 - x);
            for (let k = 0; k < 3; k++) values.push(edge < lockedBorders ? 0 : rng.uniform(-maxMm, maxMm));
          }
      return {
        controlPoints: values,
        controlShape: [...points],
        axes: 'patient',
        sampling: { ...LINEAR, ...sampling },
      };
    },
  };
}

export interface GridDistortionParameters {
  /** Per axis: factors by which the cells of a regular grid stretch; the last is unused where cells end at the image. */
  readonly steps: readonly (readonly number[])[];
  readonly cells: readonly number[];
  readonly sampling: Sampling;
  /** MONAI's: along the array axes, and what lies behind the last whole cell and one more is read at the first voxel. */
  readonly asMonai: boolean;
}

/** Cells of a regular grid stretch and shrink, axis by axis: along those nearest to S, A, R. */
export const gridDistortionApplication: Application<GridDistortionParameters> = {
  name: 'gridDistortion',
  moves: 'positions',
  apply: (scene, { steps, cells, sampling, asMonai }) => {
    const grid = asMonai ? scene.images.grid : patientGrid(scene.images.grid);
    const { shape } = grid;
    const lines = shape.map((n, axis) => distortedLine(n, cells[axis]!, steps[axis]!, asMonai));
    const voxels = shape[0] * shape[1] * shape[2];
    const field = new Float32Array(3 * voxels);
    let v = 0;
    for (let z = 0; z < shape[0]; z++)
      for (let y = 0; y < shape[1]; y++)
        for (let x = 0; x < shape[2]; x++, v++)
          [z, y, x].forEach((o, axis) => (field[axis * voxels + v] = lines[axis]![o]! - o));
    return deform(scene, sampling, grid, tensor(scene.images.voxels.device, field, [3, ...shape]));
  },
};

/** Where each voxel of a line is read: cells of floor(n / cells) voxels, each stretched, then all scaled to the line. */
function distortedLine(n: number, cells: number, steps: readonly number[], asMonai: boolean): Float64Array {
  const cell = Math.max(1, Math.floor(n / cells));
  const line = new Float64Array(n);
  let from = 0;
  let index = 0;
  for (let start = 0; start < n && !(asMonai && index > cells); start += cell, index++) {
    const end = Math.min(start + cell, n);
    const full = start + cell <= n;
    const to = full ? from + cell * (steps[index] ?? 1) : n;
    for (let k = start; k < end; k++) line[k] = from + ((to - from) * (k - start)) / Math.max(1, end - start - 1);
    from = to;
  }
  return line;
}

export function gridDistortion({
  cells = 5,
  distort = 0.3,
  asMonai = false,
  sampling,
}: {
  readonly cells?: number;
  readonly distort?: number;
  readonly asMonai?: boolean;
  readonly sampling?: Partial<Sampling>;
} = {}): Transform<GridDistortionParameters> {
  return {
    ...gridDistortionApplication,
    measures: false,
    sample: (_scene, rng) => ({
      cells: [cells, cells, cells],
      steps: [0, 1, 2].map(() => Array.from({ length: cells + 1 }, () => 1 + rng.uniform(-distort, distort))),
      asMonai,
      sampling: { ...LINEAR, ...sampling },
    }),
  };
}
