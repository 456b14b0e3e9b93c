/** Between layouts of data sets: any that is read, to nnU-Net v2's raw folder. */
import { datasetJson, loadCase, type CaseFiles, type Dataset } from '@voxelwise/io';
import { writeVolume } from '@voxelwise/io/node';
import { checkDatasetJson } from '@voxelwise/planner';
import { voxelCount, type Volume } from '@voxelwise/volume';
import { copyFile, mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { exists, writeJson } from '../files.ts';

/** Writes imagesTr, labelsTr, imagesTs and, when all is there, dataset.json. Finished cases are kept when it is run again. */
export async function toNnunet(
  context: Context,
  source: Dataset,
  out: string,
): Promise<{ readonly cases: number; readonly test: number }> {
  const progress = context.output.progress('convert', source.training.length + source.test.length, 'case');
  let done = 0;
  for (const [folder, cases] of [
    ['imagesTr', source.training],
    ['imagesTs', source.test],
  ] as const)
    for (const files of cases) {
      stopIfInterrupted(context);
      await images(source, files, join(out, folder));
      if (folder === 'imagesTr' && files.label !== undefined)
        await copyWhole(source.tree.fullPath(files.label), join(out, 'labelsTr', files.id + source.fileEnding));
      progress.update(++done, files.id);
    }
  progress.end();
  const description = { ...datasetJson(source) };
  checkDatasetJson(description);
  const { dataset: _listed, ...rest } = description as Record<string, unknown>;
  await writeJson(join(out, 'dataset.json'), rest);
  return { cases: source.training.length, test: source.test.length };
}

/** One file per channel; files with several channels are taken apart. */
async function images(source: Dataset, files: CaseFiles, folder: string): Promise<void> {
  const target = (channel: number): string =>
    join(folder, `${files.id}_${String(channel).padStart(4, '0')}${source.fileEnding}`);
  if (source.channels.every((_, c) => exists(target(c)))) return;
  if (files.images.length === source.channels.length) {
    for (const [c, image] of files.images.entries()) await copyWhole(source.tree.fullPath(image), target(c));
    return;
  }
  const { images: whole } = await loadCase(source, files, { withLabels: false });
  const size = voxelCount(whole.grid.shape);
  for (const [c, name] of source.channels.entries()) {
    const one: Volume = { ...whole, channels: [name], voxels: whole.voxels.slice(c * size, (c + 1) * size) };
    await writeVolume(target(c), one);
  }
}

async function copyWhole(from: string, to: string): Promise<void> {
  if (exists(to)) return;
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, `${to}.part`);
  await rename(`${to}.part`, to);
}
