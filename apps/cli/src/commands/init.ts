/** `init`: a data set of loose folders, its images left where they are. */
import { readFolderDataset, type CaseFiles, type Dataset } from '@voxelwise/io';
import { folderTree, openVolume } from '@voxelwise/io/node';
import { mkdir, readlink, symlink } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import type { Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, writeJson } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { declaredLabels, rewriteLabels } from '../stages/label-values.ts';
import { workspaceOf } from '../workspace.ts';

interface InitFlags {
  readonly images: string;
  readonly labels: string;
  readonly name: string;
  readonly labelNames: string;
  readonly channels?: string;
  readonly out?: string;
}

export const initCommand: CommandDefinition = {
  name: 'init',
  define: (command, withContext) =>
    command
      .description('make a data set of loose folders; images are linked, not copied')
      .requiredOption('--images <dir>', 'images: CASE.nii.gz, or CASE_0000.nii.gz, CASE_0001.nii.gz … per channel')
      .requiredOption('--labels <dir>', 'segmentations: CASE.nii.gz')
      .requiredOption('--name <name>', 'Dataset012_Liver, or just Liver')
      .requiredOption(
        '--label-names <list>',
        'names of labels 1, 2, …; name=255 or name=1.. (from 1 on) where the files hold other values: they are then rewritten',
      )
      .option(
        '--channels <list>',
        'names of the channels, such as CT or T1,T2 (default: those of the files, R,G,B of color)',
      )
      .option('--out <dir>', 'default: the workspace’s raw folder')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise init --images scans --labels masks --name Dataset012_Liver --label-names liver,tumor --channels CT\n  $ voxelwise init --images scans --labels masks --name Liver --label-names liver --out liver --json\n  $ voxelwise init --images photos --labels masks --name Dataset020_Cells --label-names cell=255',
      )
      .action(withContext(init)),
};

async function init(context: Context, flags: InitFlags): Promise<void> {
  for (const folder of [flags.images, flags.labels])
    if (!exists(folder)) throw new InputError('missing-folder', `${folder}: there is no such folder.`, folder);
  if (!/^[A-Za-z0-9][\w.-]*$/.test(flags.name))
    throw new CommandUsageError(`--name is letters, digits, _ and -, such as Dataset012_Liver; came '${flags.name}'`);
  const name = /^Dataset\d{3,}_/.test(flags.name) ? flags.name : `Dataset000_${flags.name}`;
  const root = resolve(flags.out ?? join(workspaceOf(context).raw, name));
  await mkdir(root, { recursive: true });
  await link(resolve(flags.images), join(root, 'images'));
  await link(resolve(flags.labels), join(root, 'labels'));
  const { names, values } = declaredLabels(flags.labelNames);
  const named = flags.channels?.split(',');
  const read = await readFolderDataset(folderTree(root), {
    images: 'images',
    labels: 'labels',
    name,
    labelNames: names,
    ...(named === undefined ? {} : { channels: named }),
  });
  const channels = named ?? (await channelsOf(read));
  const dataset = { ...read, channels };
  for (const files of dataset.training) await checkChannels(dataset, files);
  const training = values ? await rewriteLabels(context, dataset, values, join(root, 'labelsTr')) : dataset.training;
  const path = join(root, 'dataset.json');
  await writeJson(path, {
    name,
    channel_names: Object.fromEntries(dataset.channels.map((channel, i) => [String(i), channel])),
    labels: dataset.labels.names,
    numTraining: training.length,
    file_ending: dataset.fileEnding,
    dataset: Object.fromEntries(training.map(({ id, images, label }) => [id, { images, label }])),
  });
  context.output.print(`${training.length} cases with labels, ${dataset.test.length} images without · wrote ${path}`);
  context.output.print(`next: voxelwise doctor ${relative(process.cwd(), root) || basename(root)}`);
  context.output.document({
    dataset: root,
    name,
    cases: training.length,
    withoutLabel: dataset.test.map((files) => files.id),
    outputs: { datasetJson: path },
  });
}

/** The channels of the first case: those that its file names (R, G, B), or numbers where there are several files. */
async function channelsOf({ channels, training, tree }: Dataset): Promise<readonly string[]> {
  const [first] = training;
  if (first === undefined || first.images.length !== 1) return channels;
  const found = await fileChannels(tree.fullPath(first.images[0]!));
  return found.length === 1 ? channels : found;
}

async function fileChannels(path: string): Promise<readonly string[]> {
  const volume = await openVolume(path);
  try {
    return volume.channels;
  } finally {
    await volume.close();
  }
}

/** Throws: InputError for a case whose files do not hold the declared channels. */
async function checkChannels({ channels, tree }: Dataset, { id, images }: CaseFiles): Promise<void> {
  const counts = await Promise.all(images.map(async (image) => (await fileChannels(tree.fullPath(image))).length));
  const found = counts.reduce((sum, count) => sum + count, 0);
  if (found === channels.length) return;
  const file = tree.fullPath(images[0]!);
  throw new InputError(
    'channel-count',
    `${file}: case ${id} has ${found} channel(s) in ${images.length} file(s), the data set ${channels.length} (${channels.join(', ')}). Name them with --channels, or take the case out.`,
    file,
    { found, expected: channels.length },
  );
}

/** Throws: InputError if something else stands there. */
async function link(target: string, path: string): Promise<void> {
  const there = await readlink(path).catch(() => undefined);
  if (there !== undefined && resolve(path, '..', there) === target) return;
  if (exists(path) && resolve(path) === target) return;
  if (there !== undefined || exists(path))
    throw new InputError(
      'link-exists',
      `${path}: is there already and is not ${target}; choose another folder with --out.`,
      path,
    );
  await symlink(target, path, 'junction');
}
