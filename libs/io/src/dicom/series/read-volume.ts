/** A stack of slices becomes a volume: frames decoded one at a time into the memory that is returned. */
import type { Grid, Volume, VoxelArray } from '@voxelwise/volume';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { StreamedVolume } from '../../formats/format.ts';
import { voxelTypeOf } from '../../voxels/stored-type.ts';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { arrange, gridOf } from './arrange.ts';
import { Overflow } from './direct-read.ts';
import { withoutDuplicates } from './drop-duplicates.ts';
import { evenGridOf, interpolateSlices, isGap } from './even-slices.ts';
import type { UnevenSlices } from './even-slices.ts';
import { colorsOf, fill, pieces } from './fill.ts';
import type { FillOptions } from './fill.ts';
import { issue, refusal } from './issue.ts';
import type { Issue } from './issue.ts';
import { scanDicom } from './scan.ts';
import type { DicomScan, DicomStack } from './scan.ts';
import { shearSlices, shearing } from './tilt.ts';
import type { Shearing } from './tilt.ts';
import { arrayOf, candidates } from './voxel-type.ts';

export interface ReadStackOptions extends FillOptions {
  /**
   * A tilted gantry: `refuse` it, `shear` it into a grid with right angles by linear interpolation within slices, or `keep` every
   * voxel where it is with an affine that is not a rotation.
   */
  readonly onTilt?: 'refuse' | 'shear' | 'keep';
  /** Slices that are there twice: `refuse`, or `drop` the later ones when their pixels are equal. */
  readonly onDuplicates?: 'refuse' | 'drop';
  /**
   * Slices that are missing or unevenly spaced: `refuse`, or `resample` to even distances by linear interpolation between
   * neighbors. Refused all the same where more than half of the slices would be made up.
   */
  readonly onUneven?: 'refuse' | 'resample';
}

export type VolumeKind = 'volume' | '4d' | 'mosaic' | 'color' | 'sheared';

export interface DicomVolume {
  readonly volume: Volume;
  readonly kind: VolumeKind;
  readonly stack: DicomStack;
  /** Warnings: what was repaired, left out, or guessed. */
  readonly issues: readonly Issue[];
}

/** A stack that is one volume, before its pixels are read. */
export interface OpenStack extends Omit<DicomVolume, 'volume'> {
  readonly grid: Grid;
  readonly channels: readonly string[];
  /** Shape: [channels, slices, rows, columns]. Throws: FormatError when pixels are damaged. */
  read(): Promise<Volume>;
  /**
   * The volume in pieces, in the types to try one after the other: pieces of one that is not the last throw `Overflow` when a value
   * does not fit. Empty where slices are resampled or colored: `read` does those.
   */
  readonly streams: readonly StreamedVolume[];
}

/**
 * Decides what volume a stack is, without reading pixels except to compare duplicates.
 * Throws: FormatError with `details.issues` when the slices are not one volume, listing every reason.
 */
export async function openStack(given: DicomStack, options: ReadStackOptions = {}): Promise<OpenStack> {
  const { onTilt = 'refuse', onDuplicates = 'refuse', onUneven = 'refuse' } = options;
  let stack = given;
  const notes: Issue[] = [];
  if (onDuplicates === 'drop' && stack.issues.some((i) => i.code === 'duplicate-slice')) {
    const kept = await withoutDuplicates(stack, (frames) => ({ ...given, ...arrange(frames), frames }));
    stack = kept.stack;
    notes.push(...kept.issues);
  }
  const even = onUneven === 'resample' && stack.issues.some(isGap) ? evenGridOf(stack) : undefined;
  const remedied = (i: Issue): boolean =>
    (i.code === 'tilt' && onTilt !== 'refuse') || (isGap(i) && even !== undefined);
  const blocking = stack.issues.filter((i) => i.severity === 'refuse' && !remedied(i));
  if (blocking.length > 0 || stack.lattice === undefined)
    throw refusal(`series ${stack.series || stack.instances[0]!.name}`, blocking);
  if (even !== undefined)
    notes.push(
      issue(
        'warn',
        'resampled-slices',
        `the slices were resampled to ${even.lattice.slices} at even distances, by linear interpolation where none was.`,
        { details: { stored: stack.lattice.slices, slices: even.lattice.slices } },
      ),
    );
  const lattice = even?.lattice ?? stack.lattice;
  const shear = stack.tiltDegrees > 0.2 && onTilt === 'shear' ? shearing(lattice) : undefined;
  const color = colorsOf(stack.instances[0]!) === 3;
  const names = stack.channelNames.map((name) =>
    [stack.modality || 'image', name].filter((part) => part !== '').join(' '),
  );
  const mosaic = stack.instances[0]!.mosaic !== undefined;
  const warnings = stack.issues.filter((i) => i.severity === 'warn' || remedied(i));
  const head = {
    grid: gridOf(shear?.lattice ?? lattice),
    kind: 'intensity' as const,
    channels: color ? names.flatMap((name) => [`${name} red`, `${name} green`, `${name} blue`]) : names,
  };
  const whole = { lattice: stack.lattice, order: stack.order };
  return {
    grid: head.grid,
    channels: head.channels,
    kind: shear !== undefined ? 'sheared' : color ? 'color' : mosaic ? 'mosaic' : names.length > 1 ? '4d' : 'volume',
    stack,
    issues: [...warnings.map((i): Issue => ({ ...i, severity: 'warn' })), ...notes],
    read: async () => ({ ...head, voxels: await voxelsOf(stack, { even, shear }, options) }),
    streams:
      even !== undefined || shear !== undefined || color
        ? []
        : candidates(stack.frames).map((kind) => ({
            ...head,
            type: voxelTypeOf(arrayOf(kind, 0)),
            pieces: () => pieces({ ...whole, kind }, options),
          })),
  };
}

/**
 * Reads a stack. Values are rescaled (slope and intercept of each slice); MONOCHROME1 is not inverted; YBR colors become RGB.
 *
 * Shape: [channels, slices, rows, columns]; channels are time points, echoes or colors, one for an ordinary series.
 * Throws: FormatError with `details.issues` when the slices are not one volume, listing every reason; FormatError when pixels are damaged.
 */
export async function readStack(given: DicomStack, options: ReadStackOptions = {}): Promise<DicomVolume> {
  const { kind, stack, issues, read } = await openStack(given, options);
  return { volume: await read(), kind, stack, issues };
}

async function voxelsOf(
  stack: DicomStack,
  { even, shear }: { even: UnevenSlices | undefined; shear: Shearing | undefined },
  options: ReadStackOptions,
): Promise<VoxelArray> {
  const target = { lattice: stack.lattice!, order: stack.order, shearing: even === undefined ? shear : undefined };
  const kinds = candidates(stack.frames);
  let voxels: VoxelArray;
  try {
    voxels = await fill({ ...target, kind: kinds[0]! }, options);
  } catch (error) {
    if (!(error instanceof Overflow) || kinds[1] === undefined) throw error;
    voxels = await fill({ ...target, kind: kinds[1] }, options);
  }
  if (even === undefined) return voxels;
  const spread = interpolateSlices(voxels, stack.lattice!.slices, even);
  return shear === undefined ? spread : shearSlices(spread, even.lattice, shear);
}

export interface ReadDicomOptions extends ReadStackOptions {
  /** SeriesInstanceUID to read, where the files hold several. */
  readonly series?: string;
  /** Which stack of that series, from 0, where it holds several. */
  readonly part?: number;
  /** DICOM files that cannot be parsed: `refuse`, because each may be a slice, or `skip`. */
  readonly onDamaged?: 'refuse' | 'skip';
}

/**
 * Reads the one series that some files hold. Files that are not DICOM are passed over.
 * Throws: FormatError when there is no image, more than one series or orientation, a damaged file, or what `readStack` refuses.
 */
export async function readDicomVolume(
  sources: Iterable<ByteSource | DicomSource> | AsyncIterable<ByteSource | DicomSource>,
  options: ReadDicomOptions = {},
): Promise<DicomVolume> {
  const scan = await scanDicom(sources, options);
  if (scan.damaged.length > 0 && options.onDamaged !== 'skip') throw damagedFiles(scan);
  const stacks = scan.stacks.filter(
    (s) =>
      (options.series === undefined || s.series === options.series) &&
      (options.part === undefined || s.part === options.part),
  );
  if (stacks.length === 1) return readStack(stacks[0]!, options);
  const listed = (stacks.length === 0 ? scan.stacks : stacks).map(
    (s) => `${s.series} part ${s.part} (${s.modality} "${s.description}", ${s.frames.length} frames)`,
  );
  if (stacks.length > 0)
    throw new FormatError(
      `the files hold ${stacks.length} stacks: ${listed.join('; ')}. Name one by series and part.`,
      {
        file: stacks[0]!.instances[0]!.name,
        field: '(0020,000e) SeriesInstanceUID',
        details: {
          kind: 'split',
          stacks: stacks.map((s) => ({ series: s.series, part: s.part, frames: s.frames.length })),
        },
      },
    );
  const others = [
    ...scan.foreign.map((name) => `${name} (not DICOM)`),
    ...scan.objects.map((o) => `${o.name} (no image)`),
  ];
  const what = options.series === undefined ? '' : ` of series ${options.series}`;
  throw new FormatError(
    `no DICOM image${what} among the files; found: ${[...listed, ...others.slice(0, 5)].join('; ') || 'none'}.`,
    {
      ...(others.length > 0 ? { file: scan.foreign[0] ?? scan.objects[0]!.name, byteOffset: 0 } : {}),
      field: '(0020,000e) SeriesInstanceUID',
      details: { kind: 'none', foreign: scan.foreign.length, objects: scan.objects.length },
    },
  );
}

function damagedFiles({ damaged }: DicomScan): FormatError {
  const { name, error } = damaged[0]!;
  const told = damaged.slice(0, 5).map((d) => d.error.message);
  return new FormatError(
    `${damaged.length} DICOM file(s) cannot be read, and each may be a slice: ${told.join(' ')}`,
    {
      file: name,
      field: error.field ?? 'file',
      ...(error.byteOffset === undefined ? {} : { byteOffset: error.byteOffset }),
      details: { kind: 'damaged-file', files: damaged.map((d) => d.name) },
    },
    { cause: error },
  );
}
