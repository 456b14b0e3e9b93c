/** Takes the fingerprint of a data set, or reads the one that was taken before. */
import {
  readFingerprint,
  referenceSpacing,
  takeFingerprint,
  turnsToCanonical,
  writeFingerprint,
  type Fingerprint,
} from '@voxelwise/planner';
import { canonicalCase, type Case } from '@voxelwise/volume';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import { loadTrainingCase, requireConsecutiveLabels, type OpenedDataset } from './dataset.ts';

/** Share of --max-memory for counting intensities; more different values than fit there are read a second time. */
const COUNTING_SHARE = 0.25;

export function fingerprintPath(dataset: OpenedDataset): string {
  return join(dataset.preprocessed, 'dataset_fingerprint.json');
}

/** `again`: even if there is one. */
export async function fingerprintStage(
  context: Context,
  dataset: OpenedDataset,
  { again = false, path = fingerprintPath(dataset) } = {},
): Promise<Fingerprint> {
  if (!again && exists(path)) return readFingerprint(await readFile(path, 'utf8'));
  requireConsecutiveLabels(dataset);
  const cases = dataset.source.training;
  if (cases.length === 0)
    throw new InputError(
      'no-cases',
      `${dataset.source.name}: has no training case; images belong into imagesTr as {case}_0000${dataset.source.fileEnding}, labels into labelsTr as {case}${dataset.source.fileEnding}. Does "file_ending" say how the files end?`,
      dataset.source.tree.root,
    );
  const progress = context.output.progress('fingerprint', cases.length, 'case');
  const turned = turnsToCanonical(dataset.datasetJson.overwrite_image_reader_writer ?? '');
  async function* opened(): AsyncGenerator<Case> {
    for (const files of cases) {
      const subject = await loadTrainingCase(dataset, files);
      yield turned ? canonicalCase(subject) : subject;
    }
  }
  const fingerprint = await takeFingerprint({
    caseCount: cases.length,
    cases: opened,
    spacingOf: referenceSpacing(dataset.source.fileEnding),
    ...(context.maxMemory === undefined ? {} : { maxBytes: Math.min(COUNTING_SHARE * context.maxMemory, 2 ** 29) }),
    onCase: (id, done) => progress.update(done, id),
    signal: context.signal,
  });
  await writeWhole(path, writeFingerprint(fingerprint));
  progress.end();
  return fingerprint;
}
