/** Between layouts of data sets: any that is read, to nnU-Net v2's raw folder or a folder of the Medical Segmentation Decathlon. */
import { datasetJson, endingOf, loadCase, readFromTree, type CaseFiles, type Dataset } from '@voxelwise/io';
import { writeVolume } from '@voxelwise/io/node';
import { checkDatasetJson } from '@voxelwise/planner';
import { voxelCount, type Volume } from '@voxelwise/volume';
import { copyFile, mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists, writeJson } from '../files.ts';

export interface Converted {
  readonly cases: number;
  readonly test: number;
}

/** What the Decathlon's files are called. */
const MSD_ENDING = '.nii.gz';
/** Endings of headers whose voxels lie in another file. */
const OF_TWO_FILES = /^\.(hdr|img|mhd|nhdr)(\.gz)?$/;

/** Writes imagesTr, labelsTr, imagesTs and, when all is there, dataset.json. Finished cases are kept when it is run again. */
export async function toNnunet(context: Context, source: Dataset, out: string): Promise<Converted> {
  const made = await eachCase(context, source, async (files, folder) => {
    await channelFiles(source, files, join(out, folder));
    if (folder === 'imagesTr') await labelFile(source, files, join(out, 'labelsTr', files.id + source.fileEnding));
  });
  const description = { ...datasetJson(source) };
  checkDatasetJson(description);
  const { dataset: _listed, ...rest } = description as Record<string, unknown>;
  await writeJson(join(out, 'dataset.json'), rest);
  return made;
}

/** The same for the Decathlon: one file per case, several channels as its fourth axis. Throws: InputError for labels that are regions. */
export async function toMsd(context: Context, source: Dataset, out: string): Promise<Converted> {
  const labels = numberedLabels(source);
  const made = await eachCase(context, source, async (files, folder) => {
    await caseFile(source, files, join(out, folder, files.id + MSD_ENDING));
    if (folder === 'imagesTr') await labelFile(source, files, join(out, 'labelsTr', files.id + MSD_ENDING));
  });
  const image = (folder: string, { id }: CaseFiles): string => `./${folder}/${id}${MSD_ENDING}`;
  const { json } = source;
  await writeJson(join(out, 'dataset.json'), {
    name: json['name'] ?? source.name.replace(/^(Task|Dataset)\d+_?/i, ''),
    ...Object.fromEntries(
      ['description', 'reference', 'licence', 'release'].flatMap((key) => (key in json ? [[key, json[key]]] : [])),
    ),
    tensorImageSize: source.channels.length > 1 ? '4D' : '3D',
    modality: Object.fromEntries(source.channels.map((name, i) => [String(i), name])),
    labels,
    numTraining: source.training.length,
    numTest: source.test.length,
    training: source.training.map((files) => ({ image: image('imagesTr', files), label: image('labelsTr', files) })),
    test: source.test.map((files) => image('imagesTs', files)),
  });
  return made;
}

async function eachCase(
  context: Context,
  source: Dataset,
  write: (files: CaseFiles, folder: 'imagesTr' | 'imagesTs') => Promise<void>,
): Promise<Converted> {
  const { training, validation, test } = source;
  if (validation.length > 0)
    context.output.warn(
      `${source.name}: its ${validation.length} cases for validation have no place in the new layout and are left out; list them for training to keep them.`,
    );
  const progress = context.output.progress('convert', training.length + test.length, 'case');
  let done = 0;
  for (const [folder, cases] of [
    ['imagesTr', training],
    ['imagesTs', test],
  ] as const)
    for (const files of cases) {
      stopIfInterrupted(context);
      await write(files, folder);
      progress.update(++done, files.id);
    }
  progress.end();
  return { cases: training.length, test: test.length };
}

/** {"0": "background", ...}: all that the Decathlon says about labels. */
function numberedLabels({ labels, name }: Dataset): Readonly<Record<string, string>> {
  const entries = Object.entries(labels.names).map(([label, value]) => {
    const [only, ...more] = typeof value === 'number' ? [value] : value;
    if (more.length > 0)
      throw new InputError(
        'regions',
        `${name}: the label ${label} joins the numbers ${[only, ...more].join(', ')}; the Decathlon's dataset.json has one number per label. Convert --to nnunet, or name the numbers themselves.`,
        name,
      );
    return [String(only), label] as const;
  });
  return Object.fromEntries(entries);
}

/** One file per channel; files with several channels are taken apart. */
async function channelFiles(source: Dataset, files: CaseFiles, folder: string): Promise<void> {
  const target = (channel: number): string =>
    join(folder, `${files.id}_${String(channel).padStart(4, '0')}${source.fileEnding}`);
  if (source.channels.every((_, c) => exists(target(c)))) return;
  if (files.images.length === source.channels.length) {
    for (const [c, image] of files.images.entries()) await sameFile(source, image, target(c));
    return;
  }
  const { images: whole } = await loadCase(source, files, { withLabels: false });
  const size = voxelCount(whole.grid.shape);
  for (const [c, name] of source.channels.entries()) {
    const one: Volume = { ...whole, channels: [name], voxels: whole.voxels.slice(c * size, (c + 1) * size) };
    await writeVolume(target(c), one);
  }
}

/** All channels in one file. */
async function caseFile(source: Dataset, files: CaseFiles, target: string): Promise<void> {
  if (files.images.length === 1) return sameFile(source, files.images[0]!, target);
  if (!exists(target)) await writeVolume(target, (await loadCase(source, files, { withLabels: false })).images);
}

async function labelFile(source: Dataset, { label }: CaseFiles, target: string): Promise<void> {
  if (label !== undefined) await sameFile(source, label, target, 'labels');
}

/** A file under another name: copied where that keeps its format, written anew where it does not. */
async function sameFile(source: Dataset, path: string, target: string, kind?: Volume['kind']): Promise<void> {
  if (exists(target)) return;
  const ending = endingOf(path).toLowerCase();
  if (ending !== endingOf(target).toLowerCase() || OF_TWO_FILES.test(ending))
    return writeVolume(target, await readFromTree(source.tree, path, kind === undefined ? {} : { kind }));
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source.tree.fullPath(path), `${target}.part`);
  await rename(`${target}.part`, target);
}
