/** A voxel grid placed in the patient; nothing about files or devices. */
export type { Case, Grid, PerAxis, Volume, VoxelArray } from './volume.ts';
export { GeometryError } from './errors.ts';
export { alignedGrid, spacing, voxelCount } from './grid.ts';
