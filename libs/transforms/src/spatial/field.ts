/**
 * Dense deformations: fields of displacements [3, z, y, x] in voxels of a grid, and every volume of a scene read through one. A field
 * belongs to the patient: volumes on other grids, and points, are moved alike.
 */
import { matmul, reindex, reshape, sampleAffine, scope, tensor, type Tensor } from '@voxelwise/compute';
import { sameGrid, type Grid, type Volume } from '@voxelwise/volume';
import { mapVolumes, type Sampling, type Scene } from '../contract/transform.ts';
import { between, IDENTITY, type Matrix34 } from './matrix.ts';
import { movePointsByField } from './move-points.ts';
import { indexMove, moveVolume } from './move.ts';
import { orientationPlacement } from './spacing.ts';

/**
 * The grid on which random fields are drawn: the image's own, with its axes in the order and direction nearest to S, A, R. So the
 * same chance deforms a patient in the same way however the file stores the axes.
 */
export const patientGrid = (grid: Grid): Grid => orientationPlacement(grid, 'SAR').grid;

/** Every volume read at o + field(o), the field told on `grid`; disposes the field. A promise where there are points. */
export function deform(scene: Scene, sampling: Sampling, grid: Grid, field: Tensor): Scene | Promise<Scene> {
  const moved = mapVolumes(scene, (volume) => {
    const own = fieldOnto(field, grid, volume.grid);
    const result = displaced(volume, own, sampling);
    if (own !== field) own.dispose();
    return result;
  });
  if (!scene.points) {
    field.dispose();
    return moved;
  }
  const own = fieldOnto(field, grid, scene.images.grid);
  return own.read().then((values) => {
    if (own !== field) own.dispose();
    field.dispose();
    return movePointsByField(moved, scene.images.grid, values);
  });
}

/** The same displacements where another grid's voxels lie, in its voxels; beyond `from` they go on as at its border. */
export function fieldOnto(field: Tensor, from: Grid, to: Grid): Tensor {
  if (sameGrid(from, to)) return field;
  const matrix = between(from, to);
  const maps = indexMove(matrix, to.shape);
  return scope(() => {
    const moved = maps
      ? reindex({ x: field }, { axes: maps, boundary: 'edge' })
      : sampleAffine({ x: field }, { shape: to.shape, matrix, padding: 'border' });
    const inverse = between(to, from);
    const turn = tensor(
      field.device,
      Float32Array.from([0, 1, 2].flatMap((row) => [0, 1, 2].map((k) => inverse[row * 4 + k]!))),
      [3, 3],
    );
    const voxels = to.shape[0] * to.shape[1] * to.shape[2];
    return reshape(
      { x: matmul({ a: turn, b: reshape({ x: moved }, { shape: [3, voxels] }) }) },
      { shape: [3, ...to.shape] },
    );
  });
}

/** The volume read at matrix(o + field(o)). */
export function displaced(
  volume: Volume<Tensor>,
  field: Tensor,
  sampling: Sampling,
  matrix: Matrix34 = IDENTITY,
): Volume<Tensor> {
  return moveVolume(volume, { grid: volume.grid, matrix }, sampling, field);
}
