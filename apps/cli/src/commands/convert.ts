/** `convert`: DICOM to volumes and back, volumes between formats, data sets between layouts. */
import { openDataset as openPath } from '@voxelwise/io/node';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, readJson } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { allFromDicom, fromDicom, isDicom, toDicom, type DicomFlags } from '../stages/dicom-conversion.ts';
import { convertVolumes } from '../stages/volume-conversion.ts';
import { parseWhole } from '../values.ts';
import { VOLUME_ENDINGS } from '../volume-endings.ts';
import { workspaceOf } from '../workspace.ts';

interface ConvertFlags {
  readonly out?: string;
  readonly to?: string;
  readonly reference?: string;
  readonly rois?: string;
  readonly onOverlap: string;
  readonly series?: string;
  readonly part?: string;
  readonly onTilt: string;
  readonly onDuplicates: string;
  readonly onUneven: string;
  readonly id?: string;
  readonly labelNames?: string;
}

const LAYOUTS = ['nnunet', 'msd'];
const FORMS = [...Object.keys(VOLUME_ENDINGS), ...LAYOUTS, 'dicom-seg', 'dicom-labelmap', 'rtstruct'];
const OVERLAPS = ['error', 'priority', 'channels'] as const;
const TILTS = ['refuse', 'shear', 'keep'] as const;
const DUPLICATES = ['refuse', 'drop'] as const;
const UNEVEN = ['refuse', 'resample'] as const;
/** A flag's value as one of those it may have. Throws: CommandUsageError. */
function oneOf<T extends string>(flag: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new CommandUsageError(`${flag} is ${allowed.join(', ')}; came '${value}'`);
  return found;
}

export const convertCommand: CommandDefinition = {
  name: 'convert',
  define: (command, withContext) =>
    command
      .description(
        'DICOM series, SEG and RTSTRUCT to volumes and back; volumes between formats; data sets to nnU-Net’s or the Decathlon’s layout',
      )
      .argument('<source>', 'a file, a folder of volumes or DICOM, or a data set')
      .option('--out <path>', 'file or folder to write; for --to nnunet the default is the workspace’s raw folder')
      .option('--to <form>', `${FORMS.join(', ')} (default: what the ending of --out says)`)
      .option(
        '--reference <path>',
        'SEG, RTSTRUCT: the DICOM series they belong to, or a volume on whose grid to lay them',
      )
      .option('--rois <list>', 'names of regions, in the order of their labels 1, 2, …')
      .option('--on-overlap <what>', OVERLAPS.join(', '), 'error')
      .option('--series <uid>', 'which series, where a folder holds several; all: each as a volume in the folder --out')
      .option('--part <n>', 'which stack, from 0, where a series holds several: orientations, say')
      .option('--on-tilt <what>', `series of a tilted gantry, volumes on sheared axes: ${TILTS.join(', ')}`, 'refuse')
      .option('--on-duplicates <what>', `slices that are there twice: ${DUPLICATES.join(', ')}`, 'refuse')
      .option('--on-uneven <what>', `missing or unevenly spaced slices: ${UNEVEN.join(', ')}`, 'refuse')
      .option(
        '--label-names <file>',
        'to SEG, RTSTRUCT, .seg.nrrd: JSON {name: label}, such as the labels of a dataset.json',
      )
      .option('--id <n>', 'to nnunet: number of the data set')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise convert dicom-folder --out ct.nii.gz\n  $ voxelwise convert dicom-folder --on-uneven resample --on-tilt shear --out ct.nii.gz\n  $ voxelwise convert dicom-folder --series all --out volumes\n  $ voxelwise convert rtstruct.dcm --reference dicom-folder --rois Liver,Spleen --out organs.nii.gz\n  $ voxelwise convert organs.nii.gz --to dicom-seg --reference dicom-folder --rois liver,spleen --out seg.dcm\n  $ voxelwise convert Task04_Hippocampus --to nnunet\n  $ voxelwise convert Dataset004_Hippocampus --to msd --out Task04_Hippocampus',
      )
      .action(withContext(convert)),
};

async function convert(context: Context, source: string, flags: ConvertFlags): Promise<void> {
  const { to } = flags;
  if (to !== undefined && !FORMS.includes(to)) throw new CommandUsageError(`--to is ${FORMS.join(', ')}; came '${to}'`);
  if (to === 'nnunet' || to === 'msd') return convertDataset(context, source, { ...flags, to });
  if (!exists(source)) throw new InputError('missing-input', `${source}: there is no such file or folder.`, source);
  if (flags.out === undefined) throw new CommandUsageError('convert needs --out: where the result goes');
  const dicom: DicomFlags = {
    reference: flags.reference,
    rois: flags.rois?.split(','),
    onOverlap: oneOf('--on-overlap', flags.onOverlap, OVERLAPS),
    series: flags.series,
    part: flags.part === undefined ? undefined : parseWhole(flags.part, '--part'),
    stack: {
      onTilt: oneOf('--on-tilt', flags.onTilt, TILTS),
      onDuplicates: oneOf('--on-duplicates', flags.onDuplicates, DUPLICATES),
      onUneven: oneOf('--on-uneven', flags.onUneven, UNEVEN),
    },
  };
  let document: Record<string, unknown>;
  if (to === 'dicom-seg' || to === 'dicom-labelmap' || to === 'rtstruct')
    document = await toDicom(context, source, flags.out, to, { ...dicom, names: await labelNames(flags.labelNames) });
  else if (flags.series === 'all')
    document = await allFromDicom(context, source, flags.out, {
      ending: VOLUME_ENDINGS[to ?? 'nifti']!,
      ...(dicom.stack === undefined ? {} : { stack: dicom.stack }),
    });
  else if (await isDicom(source))
    document = await fromDicom(context, source, await volumeFile(flags.out, source, to), dicom);
  else {
    const { volumeWork } = await import('../stages/volume-names.ts');
    const work = await volumeWork(source, flags.out, to);
    const { rois, onOverlap } = dicom;
    const names = await labelNames(flags.labelNames);
    document = await convertVolumes(context, work, { rois, onOverlap, names, straighten: flags.onTilt === 'shear' });
  }
  const [one, ...others] = (document['files'] as { readonly output: string }[] | undefined) ?? [document];
  context.output.print(
    `wrote ${others.length === 0 && typeof one?.['output'] === 'string' ? one['output'] : flags.out}`,
  );
  context.output.document(document);
}

/** `outFile`; the usual name is told without loading every format. */
async function volumeFile(out: string, source: string, to: string | undefined): Promise<string> {
  if (to === undefined && /\.nii(\.gz)?$/i.test(out) && !exists(out)) return out;
  const { outFile } = await import('../stages/volume-names.ts');
  return outFile(out, source, to);
}

async function labelNames(file: string | undefined): Promise<Map<number, string>> {
  if (file === undefined) return new Map();
  const json = await readJson<Record<string, unknown>>(file);
  const labels = (typeof json['labels'] === 'object' && json['labels'] !== null ? json['labels'] : json) as Record<
    string,
    unknown
  >;
  return new Map(
    Object.entries(labels).flatMap(([name, label]) =>
      typeof label === 'number' && label > 0 && name !== 'ignore' ? [[label, name] as const] : [],
    ),
  );
}

async function convertDataset(
  context: Context,
  spec: string,
  flags: ConvertFlags & { readonly to: 'nnunet' | 'msd' },
): Promise<void> {
  if (flags.to === 'msd' && flags.out === undefined)
    throw new CommandUsageError('convert --to msd needs --out: the folder to make, such as Task04_Hippocampus');
  // Loaded here: a file's conversion needs no planner.
  const [{ experimentName }, { toMsd, toNnunet }] = await Promise.all([
    import('../stages/dataset.ts'),
    import('../stages/dataset-conversion.ts'),
  ]);
  const source = await openPath(spec, { roots: workspaceOf(context) });
  const named = experimentName(source);
  const name =
    flags.id === undefined
      ? named
      : named.replace(/^Dataset\d+/, `Dataset${String(parseWhole(flags.id, '--id')).padStart(3, '0')}`);
  const out = flags.out ?? join(workspaceOf(context).raw, name);
  const { cases, test } = await (flags.to === 'msd' ? toMsd : toNnunet)(context, source, out);
  context.output.print(`${cases} training and ${test} test cases in ${out}`);
  context.output.document({ dataset: name, cases, test, outputs: { dataset: out } });
}
