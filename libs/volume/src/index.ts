/** A voxel grid placed in the patient; nothing about files or devices. */
export type { Case, Grid, PerAxis, Points, Volume, VoxelArray } from './volume.ts';
export type { Matrix3, WorldPoint } from './affine.ts';
export type { OrthogonalGrid } from './direction.ts';
export type { GridDifference } from './same-grid.ts';
export { GeometryError, JsonError } from './errors.ts';
export { affineFrom, determinant3, indexOf, invert3, invertAffine, linearPart, worldOf } from './affine.ts';
export { canonicalCase, canonicalGrid, fromCanonical, toCanonical } from './canonical.ts';
export { checkVolume } from './check-volume.ts';
export { direction, isRightHanded, nearestOrthogonal, orientation, orthogonalize, shear } from './direction.ts';
export { alignedGrid, spacing, voxelCount } from './grid.ts';
export { compareGrids, sameGrid } from './same-grid.ts';
export * from './masks/index.ts';
export {
  type Json,
  type JsonPath,
  parsePythonJson,
  pathText,
  type WriteJsonOptions,
  writeNumber,
  writePythonJson,
} from './python-json.ts';
