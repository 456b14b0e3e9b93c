/** Segments cases with a model: reads, predicts, writes in the input's geometry, goes on where it stopped. */
import { loadCase, type CaseFiles, type Dataset, type StreamedVolume } from '@voxelwise/io';
import { folderTree, writeVolume } from '@voxelwise/io/node';
import {
  openPredictor,
  type Model,
  type Prediction,
  type Predictor,
  type PredictOptions,
  type PreparedImage,
} from '@voxelwise/inference';
import type { Device } from '@voxelwise/compute';
import { readVolume } from '@voxelwise/io/node';
import type { Volume } from '@voxelwise/volume';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { livingDevice, reopenDevice, stopIfInterrupted, type Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { requireFinite } from './dataset.ts';
import { exists, readJson, writeJson } from '../files.ts';
import { nextStageFile, saveNextStage, type NextStage } from './cascade.ts';
import { saveProbabilities } from './probabilities.ts';
import { spillInto } from './spill.ts';

export interface SegmentOptions {
  readonly stepSize: number;
  readonly mirroring: boolean;
  readonly saveProbabilities?: boolean;
  /** Folder with the previous stage's segmentations, for a cascade. */
  readonly previousStage?: string | ((id: string) => string) | undefined;
  /** A case without image files, as it was preprocessed. */
  readonly prepared?: (id: string) => Promise<PreparedImage>;
  /** Chooses settings per case in place of `stepSize` and `mirroring`, and is told what each took. */
  readonly pace?: {
    readonly next: (cases: number) => { readonly stepSize: number; readonly mirroring: boolean };
    readonly took: (seconds: number) => void;
  };
  /** Where the stages after this one find what it segmented. */
  readonly nextStages?: readonly NextStage[];
  /** Labels to write; voxels of others become background. Default: all. */
  readonly labels?: ReadonlySet<number> | undefined;
  /** The model and its settings. A finished segmentation of the same, of images unchanged since, is kept; any other is made again. */
  readonly identity: string;
}

export interface SegmentedCase {
  readonly id: string;
  readonly output: string;
  readonly seconds: number;
}

/** Cases in a folder (or one file): `CASE_0000.nii.gz`, `CASE_0001…`, or one file per case where the model has one channel. */
export async function casesIn(
  path: string,
  ending: string,
  channels: readonly string[],
): Promise<{ readonly source: Dataset; readonly cases: readonly CaseFiles[] }> {
  if (!exists(path)) throw new InputError('missing-input', `${path}: there is no such file or folder.`, path);
  const single = (await stat(path)).isFile();
  const root = single ? dirname(path) : path;
  const all = single
    ? [basename(path)]
    : (await readdir(root)).filter((name) => !name.startsWith('.') && name.endsWith(ending)).sort();
  if (all.length === 0)
    throw new InputError(
      'no-images',
      `${path}: holds no ${ending} files; the model was trained on those. ` +
        `Turn images of other formats, DICOM series too, into them first: voxelwise convert SERIES --out images/CASE_0000${ending}`,
      path,
    );
  const byCase = new Map<string, string[]>();
  for (const name of all) {
    const stem = name.endsWith(ending) ? name.slice(0, -ending.length) : name.replace(/\.[^.]*$/, '');
    const id = /^(.*)_\d{4}$/.exec(stem)?.[1] ?? stem;
    byCase.set(id, [...(byCase.get(id) ?? []), name]);
  }
  const cases = [...byCase].map(([id, images]): CaseFiles => ({ id, images: images.sort() }));
  const source = { tree: folderTree(root), channels } as unknown as Dataset;
  return { source, cases };
}

/** Predicts and writes every case that is not there yet. */
export async function segmentCases(
  context: Context,
  model: Model,
  device: Device,
  source: Dataset,
  cases: readonly CaseFiles[],
  folder: string,
  options: SegmentOptions,
): Promise<SegmentedCase[]> {
  const ending = model.plan.fileEnding;
  await mkdir(join(folder, ORIGINS), { recursive: true });
  const predictor = openPredictor(model, livingDevice(device), {
    reopen: (lost) => reopenDevice(context, device, lost),
  });
  const progress = context.output.progress('predict', cases.length, 'case');
  const done: SegmentedCase[] = [];
  try {
    for (const files of cases) {
      stopIfInterrupted(context);
      const output = join(folder, `${files.id}${ending}`);
      const begun = performance.now();
      const origin = await originOf(source, files, previousFile(files.id, options, ending), options.identity);
      const mark = join(folder, ORIGINS, `${files.id}.json`);
      const same = exists(mark) && isDeepStrictEqual(await readJson(mark), origin);
      const next = options.nextStages ?? [];
      const whole =
        exists(output) &&
        (!options.saveProbabilities || exists(join(folder, `${files.id}.npz`))) &&
        next.every((stage) => exists(nextStageFile(stage.folder, files.id)));
      if (!(same && whole)) {
        const shapes = await Promise.all(next.map((stage) => stage.shapeOf(files.id)));
        const { segmentation, nextStages = [] } = await predictOne(predictor, source, files, options, {
          ...(options.pace?.next(cases.length - done.length) ?? {
            stepSize: options.stepSize,
            mirroring: options.mirroring,
          }),
          ...(options.saveProbabilities
            ? { writeProbabilities: (found: StreamedVolume) => saveProbabilities(folder, files.id, found) }
            : {}),
          nextStages: shapes,
          openStore: spillInto(folder),
          signal: context.signal,
          onProgress: (passes, total) => progress.update(done.length + passes / total, files.id),
        });
        for (const [k, stage] of next.entries())
          await saveNextStage(stage.folder, files.id, shapes[k]!, nextStages[k]!);
        await writeVolume(output, options.labels ? onlyLabels(segmentation, options.labels) : segmentation);
        await writeJson(mark, origin);
        options.pace?.took((performance.now() - begun) / 1000);
      }
      done.push({ id: files.id, output, seconds: (performance.now() - begun) / 1000 });
      progress.update(done.length, files.id);
    }
  } finally {
    predictor.dispose();
  }
  progress.end();
  return done;
}

/** Beside the segmentations: what each was made of. */
const ORIGINS = '.made-by';

/** What a segmentation is made of: the model, and the files that are read for it as they are now. */
async function originOf(
  source: Dataset,
  { images }: CaseFiles,
  before: string | undefined,
  model: string,
): Promise<object> {
  const read = [...images.map((name) => source.tree.fullPath(name)), ...(before === undefined ? [] : [before])];
  const files = await Promise.all(
    read.map(async (file) => {
      // what is missing is refused when it is read
      const { size = 0, mtimeMs = 0 } = (await stat(file).catch(() => undefined)) ?? {};
      return { file: resolve(file), size, modified: mtimeMs };
    }),
  );
  return { identity: model, files };
}

/** The previous stage's segmentation of a case, for a cascade. */
function previousFile(id: string, { previousStage }: SegmentOptions, ending: string): string | undefined {
  return typeof previousStage === 'string' ? join(previousStage, `${id}${ending}`) : previousStage?.(id);
}

async function predictOne(
  predictor: Predictor,
  source: Dataset,
  files: CaseFiles,
  options: SegmentOptions,
  how: Omit<PredictOptions, 'device'>,
): Promise<Prediction> {
  const { prepared } = options;
  if (files.images.length === 0 && prepared) return predictor.predictPrepared(await prepared(files.id), how);
  const subject = await loadCase(source, files, { withLabels: false });
  requireFinite(subject.images, files, source);
  const before = previousFile(files.id, options, predictor.model.plan.fileEnding);
  const previous = before === undefined ? {} : { previousStage: await readVolume(before, { kind: 'labels' }) };
  return predictor.predict(subject, { ...how, ...previous });
}

/** Label numbers of classes by name. Throws: CommandUsageError for an unknown name, listing the known. */
export function labelsNamed({ plan: { labels } }: Model, names: readonly string[]): ReadonlySet<number> {
  const numbers = new Map(
    labels.foregroundNames.map((name, k) => [
      name,
      labels.hasRegions ? labels.regionsClassOrder![k]! : labels.foregroundLabels[k]!,
    ]),
  );
  return new Set(
    names.map((name) => {
      const number = numbers.get(name);
      if (number === undefined)
        throw new CommandUsageError(
          `--roi-subset: the model has no class '${name}'; it has ${[...numbers.keys()].join(', ')}`,
        );
      return number;
    }),
  );
}

function onlyLabels(segmentation: Volume, labels: ReadonlySet<number>): Volume {
  return { ...segmentation, voxels: segmentation.voxels.map((label: number) => (labels.has(label) ? label : 0)) };
}
