/** Segmentations on disk as label maps, and back. */
import type { LabelMap } from '@voxelwise/ensemble';
import { readVolume, writeVolume } from '@voxelwise/io/node';
import type { Volume } from '@voxelwise/volume';
import { readdir } from 'node:fs/promises';
import { InputError } from '../exit.ts';
import { exists } from '../files.ts';

/** A segmentation: its file's volume, and its labels. */
export interface LabelFile {
  readonly volume: Volume;
  readonly map: LabelMap;
}

/** Throws: InputError if it is missing; FormatError, GeometryError. */
export async function readLabels(path: string): Promise<LabelFile> {
  if (!exists(path)) throw new InputError('missing-segmentation', `${path}: there is no such segmentation.`, path);
  const volume = await readVolume(path, { kind: 'labels' });
  const { voxels, grid } = volume;
  if (voxels.length !== grid.shape[0] * grid.shape[1] * grid.shape[2])
    throw new InputError(
      'bad-segmentation',
      `${path}: a segmentation has one channel, this has ${volume.channels.length}.`,
      path,
    );
  const whole =
    voxels instanceof Float32Array || voxels instanceof Float64Array || voxels instanceof Uint32Array
      ? Int32Array.from(voxels)
      : voxels;
  return { volume, map: { voxels: whole, shape: grid.shape } };
}

/** Throws: InputError naming the file and the voxel whose value is no label. */
export function checkLabels(voxels: ArrayLike<number>, file: string): void {
  if (!(voxels instanceof Float32Array || voxels instanceof Float64Array)) return;
  const voxel = voxels.findIndex((value) => !Number.isInteger(value));
  if (voxel < 0) return;
  throw new InputError(
    'no-labels',
    `${file}: labels must be whole numbers, voxel ${voxel} holds ${voxels[voxel]}. Was an image or a map of probabilities meant as a segmentation?`,
    file,
    { voxel },
  );
}

export async function writeLabels(path: string, like: Volume, { voxels }: LabelMap): Promise<void> {
  await writeVolume(path, { grid: like.grid, kind: 'labels', channels: ['labels'], voxels });
}

/** Case names of a folder's files of this ending, sorted. Throws: InputError if the folder is missing or has none. */
export async function caseNames(folder: string, ending: string): Promise<string[]> {
  if (!exists(folder)) throw new InputError('missing-folder', `${folder}: there is no such folder.`, folder);
  const names = (await readdir(folder))
    .filter((name) => !name.startsWith('.') && name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length));
  if (names.length === 0) throw new InputError('no-segmentations', `${folder}: holds no ${ending} files.`, folder);
  return names.sort();
}
