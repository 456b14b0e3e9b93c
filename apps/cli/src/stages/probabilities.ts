/** Saved probabilities of a case: `CASE.npz` as nnU-Net writes it, and `CASE.json` with the grid they lie on. */
import { asFloat32, openNpz, streamNpz, type StreamedVolume } from '@voxelwise/io';
import { openFile } from '@voxelwise/io/node';
import { spacing, type PerAxis } from '@voxelwise/volume';
import { join } from 'node:path';
import { InputError } from '../exit.ts';
import { exists, writeJson, writeWhole } from '../files.ts';

const KEY = 'probabilities';

export interface SavedProbabilities {
  readonly channels: number;
  readonly shape: PerAxis;
  /** Each [z, y, x]. */
  planes(): AsyncGenerator<Float32Array>;
  close(): Promise<void>;
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

/** Opens a file of ours or of nnU-Net's; its probabilities come channel by channel. Close it. Throws: InputError, FormatError. */
export async function openProbabilities(path: string): Promise<SavedProbabilities> {
  if (!exists(path))
    throw new InputError(
      'missing-probabilities',
      `${path}: there are no saved probabilities; predict with --save-probabilities, train with --export-validation-probabilities.`,
      path,
    );
  const file = await openFile(path);
  try {
    const array = await openNpz(file, [KEY, 'softmax']);
    if (array?.shape.length !== 4 || array.fortranOrder)
      throw new InputError(
        'bad-probabilities',
        `${path}: expected an array "${KEY}" [channels, z, y, x] in C order, came ${array ? `[${array.shape.join(', ')}]` : 'none of that name'}.`,
        path,
      );
    const [channels, ...shape] = array.shape as [number, number, number, number];
    return {
      channels,
      shape,
      async *planes() {
        const { dtype } = array;
        for await (const data of array.pieces(shape[0] * shape[1] * shape[2])) yield asFloat32({ dtype, shape, data });
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
