/** `init`: a data set of loose folders, its images left where they are. */
import { readFolderDataset } from '@voxelwise/io';
import { folderTree } from '@voxelwise/io/node';
import { mkdir, readlink, symlink } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import type { Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, writeJson } from '../files.ts';
import type { CommandDefinition } from '../program.ts';
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
      .requiredOption('--label-names <list>', 'names of labels 1, 2, …')
      .option('--channels <list>', 'names of the channels, such as CT or T1,T2')
      .option('--out <dir>', 'default: the workspace’s raw folder')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise init --images scans --labels masks --name Dataset012_Liver --label-names liver,tumor --channels CT\n  $ voxelwise init --images scans --labels masks --name Liver --label-names liver --out liver --json',
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
  const channels = flags.channels?.split(',');
  const dataset = await readFolderDataset(folderTree(root), {
    images: 'images',
    labels: 'labels',
    name,
    labelNames: flags.labelNames.split(','),
    ...(channels === undefined ? {} : { channels }),
  });
  const count = dataset.training[0]!.images.length;
  const odd = dataset.training.find((files) => files.images.length !== dataset.channels.length);
  if (odd !== undefined && dataset.channels.length !== 1 && count !== 1)
    throw new InputError(
      'channel-count',
      `${odd.images[0]!}: case ${odd.id} has ${odd.images.length} image file(s), ${dataset.channels.length} channels are expected.`,
      join(root, odd.images[0]!),
    );
  const path = join(root, 'dataset.json');
  await writeJson(path, {
    name,
    channel_names: Object.fromEntries(dataset.channels.map((channel, i) => [String(i), channel])),
    labels: dataset.labels.names,
    numTraining: dataset.training.length,
    file_ending: dataset.fileEnding,
    dataset: Object.fromEntries(dataset.training.map(({ id, images, label }) => [id, { images, label }])),
  });
  context.output.print(
    `${dataset.training.length} cases with labels, ${dataset.test.length} images without · wrote ${path}`,
  );
  context.output.print(`next: voxelwise doctor ${relative(process.cwd(), root) || basename(root)}`);
  context.output.document({
    dataset: root,
    name,
    cases: dataset.training.length,
    withoutLabel: dataset.test.map((files) => files.id),
    outputs: { datasetJson: path },
  });
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
