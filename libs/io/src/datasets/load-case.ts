/** From a case's files to a Case: channels joined, labels checked to be whole numbers, everything on one grid. */
import { compareGrids, sameGrid } from '@voxelwise/volume';
import type { Case, Volume, VoxelArray } from '@voxelwise/volume';
import { DatasetError } from '../errors.ts';
import type { DecodeOptions, DecodedVolume, FormatWarning } from '../formats/format.ts';
import { INTEGER_RANGE, newVoxels, voxelTypeOf } from '../voxels/stored-type.ts';
import type { VoxelType } from '../voxels/stored-type.ts';
import { openSource } from '../volume-file.ts';
import type { CaseFiles, Dataset } from './dataset.ts';
import type { FileTree } from './file-tree.ts';

/** A case that remembers what was odd about its files. */
export interface LoadedCase extends Case {
  readonly warnings: readonly FormatWarning[];
}

/**
 * Loads a case: images [C, z, y, x] in the data set's channel order, labels [1, z, y, x] as the smallest whole-number type.
 *
 * A label whose position differs from its image's is laid on the image's grid with a warning, as nnU-Net does; other shapes,
 * fractional labels, wrong channel counts and sheared axes are refused.
 * Throws: DatasetError, FormatError.
 */
export async function loadCase(
  dataset: Dataset,
  files: CaseFiles,
  { withLabels = true }: { readonly withLabels?: boolean } = {},
): Promise<LoadedCase> {
  const { tree } = dataset;
  const parts: DecodedVolume[] = [];
  for (const path of files.images) parts.push(await readFromTree(tree, path, { shear: 'refuse', kind: 'intensity' }));
  const warnings = parts.flatMap((p) => p.source.warnings);
  const images = joinChannels(parts, dataset.channels, files, tree);
  if (!withLabels || files.label === undefined) return { id: files.id, images, warnings };
  const label = await readFromTree(tree, files.label, { shear: 'refuse', kind: 'labels' });
  const place = tree.fullPath(files.label);
  const difference = compareGrids(images.grid, label.grid);
  if (!difference.sameShape)
    throw new DatasetError(
      `${place}: the label is [${label.grid.shape.join(', ')}] voxels, its image [${images.grid.shape.join(', ')}]; both must have one shape (z, y, x).`,
      { file: place, details: { ...difference } },
    );
  if (!sameGrid(images.grid, label.grid))
    warnings.push({
      code: 'label-position',
      message: `${place}: lies up to ${difference.cornerMm.toPrecision(3)} mm away from its image; its voxels are laid on the image's grid.`,
    });
  const labels: Volume = {
    grid: images.grid,
    kind: 'labels',
    channels: label.channels,
    voxels: wholeNumbers(label.voxels, place),
  };
  return { id: files.id, images, labels, warnings: [...warnings, ...label.source.warnings] };
}

/** Reads one file of a tree. Throws: DatasetError if it is missing, FormatError if it is damaged. */
export async function readFromTree(tree: FileTree, path: string, options: DecodeOptions = {}): Promise<DecodedVolume> {
  const place = tree.fullPath(path);
  const opened = await tree.open(path);
  if (!opened)
    throw new DatasetError(`${place}: there is no such file; restore it or take the case out of the data set.`, {
      file: place,
    });
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : '';
  const others: { done(): Promise<void> }[] = [];
  try {
    const reader = await openSource(
      { ...opened.source, name: place, size: opened.source.size, read: (o, l) => opened.source.read(o, l) },
      {
        ...options,
        companions: async (name) => {
          const other = await tree.open(folder + name);
          if (other) others.push(other);
          return other?.source;
        },
      },
    );
    return await reader.read();
  } finally {
    await Promise.all([opened, ...others].map((o) => o.done()));
  }
}

function joinChannels(
  parts: readonly DecodedVolume[],
  channels: readonly string[],
  files: CaseFiles,
  tree: FileTree,
): Volume {
  const first = parts[0]!;
  const place = tree.fullPath(files.images[0]!);
  const count = parts.reduce((sum, p) => sum + p.channels.length, 0);
  if (count !== channels.length)
    throw new DatasetError(
      `${place}: case ${files.id} has ${count} channel(s), the data set declares ${channels.length} (${channels.join(', ')}).`,
      { file: place, details: { found: count, expected: channels.length } },
    );
  parts.forEach((part, i) => {
    if (!compareGrids(first.grid, part.grid).sameShape)
      throw new DatasetError(
        `${tree.fullPath(files.images[i]!)}: is [${part.grid.shape.join(', ')}] voxels, the first channel is [${first.grid.shape.join(', ')}]; the channels of a case share one grid.`,
        { file: tree.fullPath(files.images[i]!) },
      );
  });
  if (parts.length === 1) return { grid: first.grid, kind: 'intensity', channels, voxels: first.voxels };
  const voxels = newVoxels(
    commonType(parts.map((p) => voxelTypeOf(p.voxels))),
    parts.reduce((sum, p) => sum + p.voxels.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    voxels.set(part.voxels, at);
    at += part.voxels.length;
  }
  return { grid: first.grid, kind: 'intensity', channels, voxels };
}

/** A type that holds all of the given ones' values as well as float arithmetic needs. */
export function commonType(types: readonly VoxelType[]): VoxelType {
  if (types.every((t) => t === types[0])) return types[0]!;
  return types.some((t) => t === 'float64' || t === 'int32' || t === 'uint32') ? 'float64' : 'float32';
}

/** Label values in the smallest whole-number array. Throws: DatasetError naming the first fractional one. */
export function wholeNumbers(voxels: VoxelArray, place: string): VoxelArray {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < voxels.length; i++) {
    const v = voxels[i]!;
    if (v !== Math.round(v))
      throw new DatasetError(
        `${place}: voxel ${i} is ${v}; labels must be whole numbers. Was the label image resampled with interpolation? Resample it to the nearest neighbor.`,
        { file: place, details: { index: i, value: v } },
      );
    if (v < low) low = v;
    if (v > high) high = v;
  }
  const type =
    (['uint8', 'int8', 'int16', 'uint16', 'int32'] as const).find(
      (t) => low >= INTEGER_RANGE[t]![0] && high <= INTEGER_RANGE[t]![1],
    ) ?? 'float64';
  if (voxelTypeOf(voxels) === type) return voxels;
  const whole = newVoxels(type, voxels.length);
  whole.set(voxels);
  return whole;
}
