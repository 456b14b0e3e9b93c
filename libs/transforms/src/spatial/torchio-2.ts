/**
 * Spatial transforms with the values of TorchIO 2 (alpha): content moves on a grid that stays, partial voxels at the rim are
 * blended with 0. TorchIO 1's are `torchioAffine`, `controlGrid` and `anisotropy`.
 */
import { tensor, type Tensor } from '@voxelwise/compute';
import { spacing as spacingOf, type Volume } from '@voxelwise/volume';
import { mapHost, readVoxels, withVoxels, type HostVoxels } from '../contract/host.ts';
import { mapVolumesInTurn, type Application, type Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { torchioAffineApplication, type TorchioAffineSettings } from './affine.ts';
import { movePoints, movePointsByField } from './move-points.ts';
import { diagonal, invert, linear, compose, product, rotationAbout, translation } from './matrix.ts';
import { LINEAR, moveVolume } from './move.ts';

export interface Torchio2AffineParameters {
  readonly settings: TorchioAffineSettings;
  /** What images become where at least half of a voxel comes from outside. */
  readonly fill: number;
  readonly labelFill: number;
}

export const torchio2AffineApplication: Application<Torchio2AffineParameters> = {
  name: 'torchio2Affine',
  moves: 'positions',
  apply: async (scene, { settings, fill, labelFill }) => {
    const placed = { settings, sampling: LINEAR, before: { shape: [], affine: [] } };
    const moved = await mapVolumesInTurn(scene, async (volume) => {
      const placement = torchioAffineApplication.place(volume.grid, placed);
      const result = moveVolume(volume, placement, { ...LINEAR, labelFill });
      if (volume.kind === 'labels') return result;
      const { grid, voxels } = volume;
      const ones = tensor(voxels.device, new Float32Array(grid.shape.reduce((a, b) => a * b, 1)).fill(1), [
        1,
        ...grid.shape,
      ]);
      const covered = moveVolume({ ...volume, channels: ['inside'], voxels: ones }, placement, LINEAR);
      const inside = await covered.voxels.read();
      const { data, shape } = await readVoxels(result);
      if (covered.voxels !== ones) covered.voxels.dispose();
      ones.dispose();
      if (result.voxels !== voxels) result.voxels.dispose();
      return withVoxels(result, { data: data.map((x, k) => (inside[k % inside.length]! > 0.5 ? x : fill)), shape });
    });
    return movePoints(moved, scene, torchioAffineApplication.place(scene.images.grid, placed));
  },
};

/** Turns about R, A, S by degrees (R first), scales, and moves in millimetres along them, about the image's center. */
export const torchio2Affine = ({
  scales = [1, 1, 1],
  degrees = [0, 0, 0],
  translationMm = [0, 0, 0],
  fill = 0,
  labelFill = 0,
}: {
  readonly scales?: readonly number[];
  readonly degrees?: readonly number[];
  readonly translationMm?: readonly number[];
  readonly fill?: number;
  readonly labelFill?: number;
}): Transform<Torchio2AffineParameters> => {
  if (scales.some((scale) => !(scale > 0)))
    throw new TransformError(`torchio2Affine: scales are positive, came [${scales.join(', ')}].`, { scales });
  const [a, b, c] = degrees.map((d) => (d / 180) * Math.PI) as [number, number, number];
  const turn = product(rotationAbout(2, c), product(rotationAbout(1, b), rotationAbout(0, a)));
  const world = invert(compose(translation(translationMm), compose(linear(turn), diagonal(scales))));
  return {
    ...torchio2AffineApplication,
    measures: false,
    sample: () => ({ settings: { world, aboutCenter: true }, fill, labelFill }),
  };
};

export interface Torchio2ControlGridParameters {
  /** [z, y, x, 3] displacements in millimetres along the array axes, C order; the outermost lie on the outermost voxels. */
  readonly controlPoints: readonly number[];
  readonly controlShape: readonly number[];
}

export const torchio2ControlGridApplication: Application<Torchio2ControlGridParameters> = {
  name: 'torchio2ControlGrid',
  moves: 'positions',
  apply: async (scene, parameters) => {
    const moved = await mapVolumesInTurn(scene, (volume: Volume<Tensor>) => {
      const field = tensor(volume.voxels.device, linearField(volume, parameters), [3, ...volume.grid.shape]);
      const result = moveVolume(volume, { grid: volume.grid, matrix: diagonal([1, 1, 1]) }, LINEAR, field);
      field.dispose();
      return Promise.resolve(result);
    });
    return scene.points ? movePointsByField(moved, scene.images.grid, linearField(scene.images, parameters)) : moved;
  },
};

/** Trilinear between control points, in voxels: [3][voxels]. */
function linearField(
  { grid }: Volume<Tensor>,
  { controlPoints, controlShape }: Torchio2ControlGridParameters,
): Float32Array {
  const { shape } = grid;
  const [cz, cy, cx] = controlShape as [number, number, number];
  if (controlPoints.length !== cz * cy * cx * 3 || Math.min(cz, cy, cx) < 2)
    throw new TransformError(
      `torchio2ControlGrid: expects at least two control points per axis and three numbers each, came [${controlShape.join(', ')}] and ${controlPoints.length} numbers.`,
      { controlShape },
    );
  const mm = spacingOf(grid);
  const taps = shape.map((n, axis) =>
    Array.from({ length: n }, (_, i) => {
      const t = n === 1 ? 0 : (i * (controlShape[axis]! - 1)) / (n - 1);
      const low = Math.min(Math.floor(t), controlShape[axis]! - 2);
      return [low, t - low] as const;
    }),
  );
  const voxels = shape[0] * shape[1] * shape[2];
  const field = new Float32Array(3 * voxels);
  let v = 0;
  for (const [z, u] of taps[0]!)
    for (const [y, w] of taps[1]!)
      for (const [x, s] of taps[2]!) {
        for (let k = 0; k < 8; k++) {
          const [dz, dy, dx] = [k >> 2, (k >> 1) & 1, k & 1];
          const weight = (dz ? u : 1 - u) * (dy ? w : 1 - w) * (dx ? s : 1 - s);
          const at = (((z + dz) * cy + y + dy) * cx + x + dx) * 3;
          for (let axis = 0; axis < 3; axis++)
            field[axis * voxels + v]! += (weight * controlPoints[at + axis]!) / mm[axis]!;
        }
        v++;
      }
  return field;
}

export const torchio2ControlGrid = (
  controlPoints: readonly number[],
  controlShape: readonly number[],
): Transform<Torchio2ControlGridParameters> => ({
  ...torchio2ControlGridApplication,
  measures: false,
  sample: () => ({ controlPoints, controlShape }),
});

export interface Torchio2AnisotropyParameters {
  readonly axis: number;
  readonly factor: number;
}

export const torchio2AnisotropyApplication: Application<Torchio2AnisotropyParameters> = {
  name: 'torchio2Anisotropy',
  apply: (scene, parameters) =>
    mapHost(scene, 'any', (voxels, { kind }) => thickened(voxels, parameters, kind === 'labels')),
};

function thickened(
  { data, shape }: HostVoxels,
  { axis, factor }: Torchio2AnisotropyParameters,
  labels: boolean,
): Float64Array {
  const n = shape[axis + 1]!;
  const m = Math.max(1, Math.round(n / factor));
  const inner = shape.slice(axis + 2).reduce((a, b) => a * b, 1);
  const source = Array.from({ length: m }, (_, o) => Math.floor((o * n) / m));
  return data.map((_, v) => {
    const i = Math.floor(v / inner) % n;
    const plane = (k: number): number => data[v + (source[k]! - i) * inner]!;
    if (labels) return plane(Math.floor((i * m) / n));
    // The outermost planes of both grids coincide.
    const q = n === 1 ? 0 : (i * (m - 1)) / (n - 1);
    const low = Math.min(Math.floor(q), Math.max(0, m - 2));
    return plane(low) * (1 - (q - low)) + plane(Math.min(m - 1, low + 1)) * (q - low);
  });
}
/** Fewer planes along an axis by nearest neighbor, and linearly back; labels by nearest neighbor both ways. */
export const torchio2Anisotropy = (axis: number, factor: number): Transform<Torchio2AnisotropyParameters> => {
  if (!(factor >= 1))
    throw new TransformError(`torchio2Anisotropy: the factor is at least 1, came ${factor}.`, { factor });
  return { ...torchio2AnisotropyApplication, measures: false, sample: () => ({ axis, factor }) };
};
