/** Trainings that nnU-Net began: its checkpoint in a fold's folder becomes ours, and training goes on from there. */
import { CHECKPOINT, checkpointFromNnunet, encodeCheckpoint, PROGRESS, type NnunetResume } from '@voxelwise/training';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { exists, writeJson, writeWhole } from '../files.ts';

/**
 * Reads nnU-Net's final, latest or best checkpoint, in its order of resuming, where there is none of ours.
 * Throws: FormatError, WeightsError, TrainingError from what it holds.
 */
export async function adoptNnunet(context: Context, folder: string, resume: NnunetResume): Promise<void> {
  if (Object.values(CHECKPOINT).some((name) => exists(join(folder, name)))) return;
  const theirs = ['final', 'latest', 'best'].map((name) => join(folder, `checkpoint_${name}.pth`)).find(exists);
  if (theirs === undefined) return;
  const checkpoint = await checkpointFromNnunet(await readFile(theirs), theirs, resume);
  const { step, steps, history } = checkpoint.position;
  await writeJson(join(folder, PROGRESS), { steps, history });
  await writeWhole(join(folder, step >= steps ? CHECKPOINT.final : CHECKPOINT.latest), encodeCheckpoint(checkpoint));
  context.output.note(`going on with nnU-Net's ${theirs}: ${history.length} epochs are done`);
}
