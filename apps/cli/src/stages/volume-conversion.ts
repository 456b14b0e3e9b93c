/** Volumes between formats, one by one; where a file names its segments, as labels with their names. */
import type { DecodedVolume } from '@voxelwise/io';
import { readVolume, writeVolume } from '@voxelwise/io/node';
import type { LabelVolume, Mask, MaskOptions } from '@voxelwise/io/dicom';
import { voxelCount } from '@voxelwise/volume';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { writeJson } from '../files.ts';
import { formatTable } from '../terminal/output.ts';

export interface VolumeFlags {
  /** Names of regions; each gets the number of its place. */
  readonly rois?: readonly string[] | undefined;
  readonly onOverlap: 'error' | 'priority' | 'channels';
  /** Resample sheared axes onto right angles. */
  readonly straighten: boolean;
  /** Names of the labels, for formats that carry them. */
  readonly names: ReadonlyMap<number, string>;
}

/** `work`: files and where each goes. Returns what was written. */
export async function convertVolumes(
  context: Context,
  work: readonly { readonly source: string; readonly output: string }[],
  flags: VolumeFlags,
): Promise<Record<string, unknown>> {
  const files: Record<string, unknown>[] = [];
  for (const { source, output } of work) {
    stopIfInterrupted(context);
    const volume = await readVolume(source, flags.straighten ? { shear: 'resample' } : {});
    for (const warning of volume.source.warnings) context.output.warn(warning.message);
    if (volume.source.segments === undefined) {
      const segments = [...flags.names].map(([value, name]) => ({ name, value }));
      await writeVolume(output, volume, segments.length > 0 ? { segments } : {});
      files.push({ source, output });
    } else files.push({ source, ...(await writeLabelVolume(context, output, await labelsOf(source, volume, flags))) });
  }
  return { files };
}

export function maskOptions({ rois, onOverlap }: Pick<VolumeFlags, 'rois' | 'onOverlap'>): MaskOptions {
  return {
    onOverlap,
    ...(rois === undefined ? {} : { select: rois.map((pattern, i) => ({ pattern, label: i + 1 })) }),
  };
}

/** Segments that lie in layers, with numbers that may repeat, as one label volume. */
async function labelsOf(
  file: string,
  { voxels, grid, source }: DecodedVolume,
  flags: VolumeFlags,
): Promise<LabelVolume> {
  // Loaded here: hardly any file has layers.
  const { labelVolume, targetOfGrid } = await import('@voxelwise/io/dicom');
  const size = voxelCount(grid.shape);
  const segments = source.segments ?? [];
  const known = new Set(segments.map(({ channel, value }) => `${channel} ${value}`));
  const stray = voxels.findIndex((v, i) => v !== 0 && !known.has(`${Math.floor(i / size)} ${v}`));
  const masks = segments.map(({ name, value, channel }): Mask => ({
    name,
    number: value,
    paint(set) {
      for (let i = 0; i < size; i++) if (voxels[channel * size + i] === value) set(i);
      return [];
    },
  }));
  const notes =
    stray < 0 ? [] : [`${file}: voxels of the value ${voxels[stray]} belong to no segment; they become background.`];
  return labelVolume(file, masks, { ...maskOptions(flags), target: targetOfGrid(grid), notes });
}

/** A label volume and, beside it, the names of its labels. Returns what was written. */
export async function writeLabelVolume(
  { output }: Context,
  out: string,
  { volume, labels, masks, notes }: LabelVolume,
): Promise<Record<string, unknown>> {
  for (const note of notes) output.warn(note);
  for (const mask of masks) for (const note of mask.notes) output.warn(`${mask.name}: ${note}`);
  const segments = Object.entries(labels).map(([label, name]) => ({ name, value: Number(label) }));
  // one channel per label is an image to every format
  if (volume.channels.length > 1) await writeVolume(out, { ...volume, kind: 'intensity' });
  else await writeVolume(out, volume, { segments });
  await writeJson(out.replace(/(\.nii)?(\.seg)?\.[^./]+$/, '.labels.json'), {
    background: 0,
    ...Object.fromEntries(Object.entries(labels).map(([label, name]) => [name, Number(label)])),
  });
  output.print(
    formatTable(
      ['number', 'name', 'label', 'voxels', ''],
      masks.map((mask) => [
        String(mask.number),
        mask.name,
        mask.label === undefined ? '' : String(mask.label),
        String(mask.voxels),
        mask.status,
      ]),
    ),
  );
  return {
    output: out,
    labels,
    masks: masks.map((mask) => ({ ...mask, label: mask.label ?? null })),
    shape: volume.grid.shape,
  };
}

/** Volume files of a folder, for conversion one by one. */
export async function volumesIn(folder: string, endings: readonly string[]): Promise<string[]> {
  return (await readdir(folder))
    .filter((name) => !name.startsWith('.') && endings.some((ending) => name.toLowerCase().endsWith(ending)))
    .sort()
    .map((name) => join(folder, name));
}
