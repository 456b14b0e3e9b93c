/** DICOM on one side, volumes on the other. */
import type { DicomFile, DicomScan, DicomStack, LabelVolume, MaskTarget, ReadStackOptions } from '@voxelwise/io/dicom';
import { FormatError, dicomFolder, readVolume, scanFolder, writeStack } from '@voxelwise/io/node';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import { readLabels } from './label-files.ts';
import { maskOptions, writeLabelVolume } from './volume-conversion.ts';

export interface DicomFlags {
  /** A DICOM folder or a volume file: the grid to lay segmentations on, or the series that they belong to. */
  readonly reference?: string | undefined;
  /** Names of regions; each gets the number of its place. */
  readonly rois?: readonly string[] | undefined;
  readonly onOverlap: 'error' | 'priority' | 'channels';
  readonly series?: string | undefined;
  /** Which stack of that series, from 0. */
  readonly part?: number | undefined;
  readonly stack?: Pick<ReadStackOptions, 'onTilt' | 'onDuplicates' | 'onUneven'>;
}

/** Segmentations and structure sets, loaded with the first: who converts a series does not wait for them. */
const masksAndMore = (): Promise<typeof import('@voxelwise/io/dicom')> => import('@voxelwise/io/dicom');

/** Files of a folder that are looked at before it is taken for one without DICOM. */
const LOOKED_AT = 32;

/** Whether a path looks like DICOM: a file with DICM at byte 128 or the usual ending, or a folder of such files that is no data set. */
export async function isDicom(path: string): Promise<boolean> {
  const folder = (await stat(path)).isDirectory();
  if (folder && exists(join(path, 'dataset.json'))) return false;
  if (!folder && !/\.(dcm|ima)$/i.test(path) && /\.[A-Za-z]/.test(basename(path))) return false;
  for (const file of dicomFolder(path).slice(0, LOOKED_AT)) {
    if (/\.(dcm|ima)$/i.test(file.name)) return true;
    if (new TextDecoder().decode(await file.read(128, 4)) === 'DICM') return true;
  }
  return false;
}

/** DICOM to one volume, or one label volume of a SEG or RTSTRUCT. Returns what was written. */
export async function fromDicom(
  context: Context,
  source: string,
  out: string,
  flags: DicomFlags,
): Promise<Record<string, unknown>> {
  const scan = await scanFolder(source, { signal: context.signal });
  const read = scan.stacks.length === 0 ? await fromObject(context, source, scan, flags) : undefined;
  if (read !== undefined) return writeLabelVolume(context, out, read);
  const stack = chooseStack(scan, source, flags);
  const { grid, issues, kind } = await writeStack(out, stack, { ...flags.stack, signal: context.signal });
  for (const issue of issues) context.output.warn(issue.message);
  return {
    output: out,
    kind,
    shape: grid.shape,
    series: stack.series,
    modality: stack.modality,
    description: stack.description,
  };
}

/** The labels of the one SEG or RTSTRUCT that a folder holds; undefined where there is none. Throws: InputError for several. */
async function fromObject(
  context: Context,
  source: string,
  scan: DicomScan,
  flags: DicomFlags,
): Promise<LabelVolume | undefined> {
  const { TAG, isSegmentation, readSegmentation, readStructures, straightLabels } = await masksAndMore();
  const objects = scan.objects.filter(
    (file) => isSegmentation(file) || file.dataset.string(TAG.Modality) === 'RTSTRUCT',
  );
  const [object] = objects;
  if (object === undefined) return undefined;
  if (objects.length > 1)
    throw new InputError(
      'series',
      `${source}: holds ${objects.length} segmentations and structure sets: ${objects.map(({ name }) => name).join(', ')}; name the file of one.`,
      source,
    );
  const place = flags.reference === undefined ? undefined : await placeFrom(context, flags.reference, flags, object);
  const options = maskOptions(flags);
  const read = isSegmentation(object)
    ? await readSegmentation(object, { ...options, ...(place === undefined ? {} : { target: place.target }) })
    : await readStructures(object, { ...options, target: (place ?? missingReference(source)).target });
  const volume = place?.straighten === true ? straightLabels(read.volume, place.target.lattice) : read.volume;
  return { ...read, volume };
}

/**
 * Every series of a folder, and every orientation of it, as a volume of its own in the folder `out`. One that cannot be a volume
 * is told of and left out; the others are written.
 */
export async function allFromDicom(
  context: Context,
  source: string,
  out: string,
  { ending, stack: remedies }: { readonly ending: string } & Pick<DicomFlags, 'stack'>,
): Promise<Record<string, unknown>> {
  const { stacks, damaged } = await scanFolder(source, { signal: context.signal });
  for (const { name, error } of damaged) context.output.warn(`${name}: ${error.message}`);
  const volumes: Record<string, unknown>[] = [];
  const refused: Record<string, unknown>[] = [];
  const taken = new Set<string>();
  for (const stack of stacks) {
    stopIfInterrupted(context);
    const { series, part, parts, modality, description } = stack;
    const facts = { series, ...(parts > 1 ? { part } : {}), modality, description };
    try {
      const name = freeName(`${modality} ${description}`, taken);
      const output = join(out, name + ending);
      const { grid, issues, kind } = await writeStack(output, stack, { ...remedies, signal: context.signal });
      taken.add(name);
      for (const issue of issues) context.output.warn(issue.message);
      volumes.push({ output, kind, shape: grid.shape, ...facts });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      context.output.warn(error.message);
      refused.push({ ...facts, reason: error.message });
    }
  }
  if (volumes.length === 0)
    throw new InputError('series', `${source}: holds no series that is a volume; the reasons are above.`, source, {
      refused,
      damaged: damaged.map(({ name }) => name),
    });
  return { volumes, refused, damaged: damaged.map(({ name }) => name) };
}

/** A file name made of `words` that is not taken yet. */
function freeName(words: string, taken: ReadonlySet<string>): string {
  const stem = words.replace(/[^\p{L}\p{N}]+/gu, '_').replace(/^_+|_+$/g, '') || 'series';
  let name = stem;
  for (let n = 2; taken.has(name); n++) name = `${stem}_${n}`;
  return name;
}

function missingReference(source: string): never {
  throw new CommandUsageError(
    `convert ${source}: contours of an RTSTRUCT need --reference, the images they were drawn on`,
  );
}

/** The stack that the flags name; without their word, that which masks refer to, by its series or else its frame of reference. */
async function oneStack(context: Context, source: string, flags: DicomFlags, masks?: DicomFile): Promise<DicomStack> {
  const scan = await scanFolder(source, { signal: context.signal });
  if (flags.series !== undefined || masks === undefined) return chooseStack(scan, source, flags);
  const { imagesOf } = await masksAndMore();
  return chooseStack(scan, source, { ...flags, series: imagesOf(masks, scan.stacks)?.series });
}

/** The stack that the flags name, or the only one. */
function chooseStack({ stacks, damaged }: DicomScan, source: string, { series, part }: DicomFlags): DicomStack {
  if (damaged.length > 0)
    throw new InputError('damaged-dicom', `${damaged[0]!.name}: ${damaged[0]!.error.message}`, damaged[0]!.name, {
      damaged: damaged.map((one) => one.name),
    });
  const fitting = stacks.filter(
    (stack) => (series === undefined || stack.series === series) && (part === undefined || stack.part === part),
  );
  if (fitting.length === 1) return fitting[0]!;
  const list = (fitting.length === 0 ? stacks : fitting)
    .map((stack) => {
      const which = stack.parts > 1 ? ` part ${stack.part}` : '';
      return `${stack.series}${which} (${stack.modality} ${stack.description}, ${stack.frames.length} images)`;
    })
    .join('; ');
  const oneSeries = new Set(fitting.map((stack) => stack.series)).size === 1;
  const what =
    stacks.length === 0
      ? 'holds no DICOM images'
      : `${fitting.length === 0 ? 'holds no such series' : oneSeries ? 'holds a series of several stacks' : 'holds several series'}: ${list}; choose one with ${oneSeries ? '--part' : '--series'}`;
  throw new InputError('series', `${source}: ${what}.`, source, { series: stacks.map((stack) => stack.series) });
}

/** Where masks are laid, and whether they are then moved onto right angles as the images are. */
interface MaskPlace {
  readonly target: MaskTarget;
  readonly straighten: boolean;
}

/** The grid of the reference as `convert` makes a volume of it; without a word on a tilt, masks stay on the tilted slices. */
async function placeFrom(context: Context, reference: string, flags: DicomFlags, masks: DicomFile): Promise<MaskPlace> {
  if (!exists(reference))
    throw new InputError('missing-reference', `--reference ${reference}: there is no such file or folder.`, reference);
  const { openStack, targetOf, targetOfGrid } = await masksAndMore();
  if (!(await isDicom(reference)))
    return { target: targetOfGrid((await readVolume(reference)).grid), straighten: false };
  const opened = await openStack(await oneStack(context, reference, flags, masks), { ...flags.stack, onTilt: 'keep' });
  for (const issue of opened.issues) context.output.warn(issue.message);
  const { stack, grid } = opened;
  const has = (code: string): boolean => opened.issues.some((issue) => issue.code === code);
  const straighten = flags.stack?.onTilt === 'shear' && has('tilt');
  if (!has('resampled-slices')) return { target: targetOf(stack), straighten };
  // Only the grid differs from that of the stored slices: masks find their places by coordinates.
  const { frameOfReference } = stack.instances[0]!;
  return { target: { ...targetOfGrid(grid), series: stack.series, frameOfReference }, straighten };
}

/** A label volume to a DICOM SEG or RTSTRUCT of the series it belongs to. `names`: by label. */
export async function toDicom(
  context: Context,
  source: string,
  out: string,
  form: 'dicom-seg' | 'dicom-labelmap' | 'rtstruct',
  flags: DicomFlags & { readonly names: ReadonlyMap<number, string> },
): Promise<Record<string, unknown>> {
  if (flags.reference === undefined)
    throw new CommandUsageError(
      `convert --to ${form} needs --reference: the DICOM series that the segmentation belongs to`,
    );
  const { openStack, writeSegmentation, writeStructures } = await masksAndMore();
  const { stack } = await openStack(await oneStack(context, flags.reference, flags), {
    ...flags.stack,
    onTilt: 'keep',
  });
  const { volume, map } = await readLabels(source);
  const present = [...new Set(map.voxels)].filter((label) => label !== 0).sort((a, b) => a - b);
  const labels = flags.names.size > 0 ? [...flags.names.keys()] : present;
  const segments = labels.map((label) => ({
    label,
    name: flags.rois?.[label - 1] ?? flags.names.get(label) ?? `label ${label}`,
  }));
  const options = { segments, algorithm: 'voxelwise', automatic: 'AUTOMATIC' } as const;
  const labelled = { ...volume, kind: 'labels' as const, voxels: map.voxels };
  await writeWhole(
    out,
    form === 'rtstruct'
      ? await writeStructures(labelled, stack, options)
      : await writeSegmentation(labelled, stack, { ...options, form: form === 'dicom-seg' ? 'binary' : 'labelmap' }),
  );
  return { output: out, segments, series: stack.series };
}
