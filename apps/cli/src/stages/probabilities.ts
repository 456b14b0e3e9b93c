/** Saved probabilities of a case: `CASE.npz` as nnU-Net writes it, and `CASE.json` with the grid they lie on. */
import { asFloat32, decodeNpz, streamNpz, type StreamedVolume } from '@voxelwise/io';
import { spacing, type PerAxis } from '@voxelwise/volume';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../exit.ts';
import { writeJson, writeWhole } from '../files.ts';

const KEY = 'probabilities';

export interface SavedProbabilities {
  /** [channels, z, y, x] */
  readonly values: Float32Array;
  readonly channels: number;
  readonly shape: PerAxis;
}

/** `probabilities`: [C, z, y, x] on the input's grid. The properties come first: who finds the npz finds both. */
export async function saveProbabilities(
  folder: string,
  id: string,
  { grid, channels, pieces }: Pick<StreamedVolume, 'grid' | 'channels' | 'pieces'>,
): Promise<void> {
  await writeJson(join(folder, `${id}.json`), {
    channels,
    shape: grid.shape,
    spacing: spacing(grid),
    affine: [...grid.affine],
  });
  const shape = [channels.length, ...grid.shape];
  await writeWhole(
    join(folder, `${id}.npz`),
    streamNpz({ name: KEY, dtype: 'float32', shape, pieces: pieces() as AsyncIterable<Float32Array> }),
  );
}

/** Reads a file of ours or of nnU-Net's. Throws: InputError, FormatError. */
export async function loadProbabilities(path: string): Promise<SavedProbabilities> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new InputError(
      'missing-probabilities',
      `${path}: there are no saved probabilities; predict with --save-probabilities, train with --export-validation-probabilities.`,
      path,
      {},
      { cause: error },
    );
  }
  const arrays = await decodeNpz(bytes, { file: path });
  const array = arrays.get(KEY) ?? arrays.get('softmax');
  if (array === undefined || array.shape.length !== 4)
    throw new InputError(
      'bad-probabilities',
      `${path}: expected an array "${KEY}" [channels, z, y, x], came ${[...arrays].map(([name, { shape }]) => `"${name}" [${shape.join(', ')}]`).join(', ') || 'nothing'}.`,
      path,
    );
  const [channels, ...shape] = array.shape as [number, number, number, number];
  const values = asFloat32(array);
  const wrong = values.findIndex(Number.isNaN);
  if (wrong >= 0)
    throw new InputError(
      'bad-probabilities',
      `${path}: probabilities must be numbers, element ${wrong} of [${array.shape.join(', ')}] is NaN; predict the case anew.`,
      path,
      { element: wrong },
    );
  return { values, channels, shape };
}
