/** A stack of slices becomes a volume: frames decoded one at a time into the memory that is returned. */
import type { Volume, VoxelArray } from '@voxelwise/volume';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { Overflow, readDirectly } from './direct-read.ts';
import { toRgb } from '../pixels/color.ts';
import { openFrames } from '../pixels/frames.ts';
import type { FrameReader } from '../pixels/frames.ts';
import type { DecodedFrame } from '../pixels/pixel-format.ts';
import { arrange, gridOf } from './arrange.ts';
import type { Lattice } from './arrange.ts';
import type { DicomInstance, FrameInfo } from './instance.ts';
import { issue, refusal } from './issue.ts';
import type { Issue } from './issue.ts';
import { scanDicom } from './scan.ts';
import type { DicomScan, DicomStack } from './scan.ts';
import { shearing } from './tilt.ts';
import type { Shearing } from './tilt.ts';

export interface ReadStackOptions {
  /**
   * A tilted gantry: `refuse` it, `shear` it into a grid with right angles by linear interpolation within slices, or `keep` every
   * voxel where it is with an affine that is not a rotation.
   */
  readonly onTilt?: 'refuse' | 'shear' | 'keep';
  /** Slices that are there twice: `refuse`, or `drop` the later ones when their pixels are equal. */
  readonly onDuplicates?: 'refuse' | 'drop';
  /** Called after each slice with the number done and the number of all. */
  readonly onSlice?: (done: number, all: number) => void;
  readonly signal?: AbortSignal;
}

export type VolumeKind = 'volume' | '4d' | 'mosaic' | 'color' | 'sheared';

export interface DicomVolume {
  readonly volume: Volume;
  readonly kind: VolumeKind;
  readonly stack: DicomStack;
  /** Warnings: what was repaired, left out, or guessed. */
  readonly issues: readonly Issue[];
}

type Range = readonly [number, number];

/** The lowest and highest value the bits of a stack could mean after rescaling, and whether all of them are whole. */
function valueRange(frames: readonly FrameInfo[]): { range: Range; whole: boolean } {
  let low = Infinity;
  let high = -Infinity;
  let whole = true;
  for (const { slope, intercept, instance } of frames) {
    const { bitsStored, signed, float } = instance.format;
    const stored: Range = signed ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1] : [0, 2 ** bitsStored - 1];
    const ends = stored.map((s) => s * slope + intercept);
    low = Math.min(low, ...ends);
    high = Math.max(high, ...ends);
    whole &&= !float && Number.isInteger(slope) && Number.isInteger(intercept);
  }
  return { range: [low, high], whole };
}

type ArrayKind = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f32' | 'f64';
const limits: readonly (readonly [ArrayKind, number, number])[] = [
  ['u8', 0, 255],
  ['i8', -128, 127],
  ['i16', -32768, 32767],
  ['u16', 0, 65535],
  ['i32', -(2 ** 31), 2 ** 31 - 1],
  ['u32', 0, 2 ** 32 - 1],
];

function arrayOf(kind: ArrayKind, length: number): VoxelArray {
  const make = {
    i8: Int8Array,
    u8: Uint8Array,
    i16: Int16Array,
    u16: Uint16Array,
    i32: Int32Array,
    u32: Uint32Array,
    f32: Float32Array,
    f64: Float64Array,
  };
  return new make[kind](length);
}

/** The smallest array that surely holds a stack's values, and the 16-bit one to try first when only the declared range is wide. */
function candidates(frames: readonly FrameInfo[]): readonly ArrayKind[] {
  const { range, whole } = valueRange(frames);
  if (!whole)
    return [frames.some((f) => f.instance.format.float && f.instance.format.bitsAllocated === 64) ? 'f64' : 'f32'];
  const sure = limits.find(([, low, high]) => range[0] >= low && range[1] <= high)?.[0] ?? 'f64';
  // 16 stored bits with an intercept: CT declares more than it uses, so twice the memory is taken only if a value needs it.
  return sure === 'i32' && frames.every((f) => f.instance.format.bitsAllocated <= 16) ? ['i16', 'i32'] : [sure];
}

/** Writes one channel of a decoded frame's window, rescaled, to `target` from `at`. */
function place(
  { values }: DecodedFrame,
  frame: FrameInfo,
  { target, at, sample }: { target: VoxelArray; at: number; sample: number },
): void {
  const { window, slope, intercept, instance } = frame;
  const { samples, columns } = instance.format;
  const plain = slope === 1 && intercept === 0;
  const narrow = target instanceof Int16Array;
  if (
    plain &&
    samples === 1 &&
    window.columns === columns &&
    values.length === window.rows * columns &&
    (!narrow || values instanceof Int16Array || values.BYTES_PER_ELEMENT < 2)
  ) {
    target.set(values, at);
    return;
  }
  for (let y = 0; y < window.rows; y++) {
    let from = ((window.top + y) * columns + window.left) * samples + sample;
    let to = at + y * window.columns;
    for (let x = 0; x < window.columns; x++, from += samples, to++) {
      const value = values[from]! * slope + intercept;
      if (narrow && (value < -32768 || value > 32767)) throw new Overflow();
      target[to] = value;
    }
  }
}

interface Target {
  readonly kind: ArrayKind;
  readonly lattice: Lattice;
  readonly order: readonly (readonly FrameInfo[])[];
  readonly shearing: Shearing | undefined;
}

async function fill({ kind, lattice, order, shearing: shear }: Target, options: ReadStackOptions): Promise<VoxelArray> {
  const colors = order[0]![0]!.instance.format.samples === 3 ? 3 : 1;
  const out = shear?.lattice ?? lattice;
  const plane = out.rows * out.columns;
  const volume = plane * lattice.slices;
  const voxels = arrayOf(kind, volume * order.length * colors);
  const raw = shear === undefined ? undefined : arrayOf(kind, lattice.rows * lattice.columns);
  const scratch = {};
  let reader: FrameReader | undefined;
  let held: DicomInstance | undefined;
  let frame: { index: number; decoded: DecodedFrame } | undefined;
  let done = 0;
  for (const [channel, slices] of order.entries()) {
    for (const [z, info] of slices.entries()) {
      options.signal?.throwIfAborted();
      if (
        shear === undefined &&
        readDirectly(info, voxels.subarray(channel * volume + z * plane, channel * volume + (z + 1) * plane))
      ) {
        options.onSlice?.(++done, order.length * slices.length);
        continue;
      }
      if (info.instance !== held || reader === undefined) {
        reader = await openFrames(info.instance.file, info.instance.format, scratch);
        held = info.instance;
        frame = undefined;
      }
      // Tiles of a mosaic share one stored frame.
      if (frame === undefined || frame.index !== info.index)
        frame = {
          index: info.index,
          decoded: colors === 3 ? toRgb(await reader.read(info.index)) : await reader.read(info.index),
        };
      for (let sample = 0; sample < colors; sample++) {
        const at = (channel * colors + sample) * volume + z * plane;
        if (shear === undefined || raw === undefined) place(frame.decoded, info, { target: voxels, at, sample });
        else {
          place(frame.decoded, info, { target: raw, at: 0, sample });
          shear.slice(raw, z, voxels.subarray(at, at + plane));
        }
      }
      options.onSlice?.(++done, order.length * slices.length);
    }
  }
  shear?.finish(voxels);
  return voxels;
}

async function samePixels(a: FrameInfo, b: FrameInfo): Promise<boolean> {
  const [x, y] = await Promise.all(
    [a, b].map(async (f) => (await (await openFrames(f.instance.file, f.instance.format)).read(f.index)).values),
  );
  return (
    a.slope === b.slope &&
    a.intercept === b.intercept &&
    x!.length === y!.length &&
    x!.every((value, i) => value === y![i])
  );
}

/** One frame per place, when every repeat has the pixels of the first. Throws: FormatError when one differs. */
async function withoutDuplicates(
  stack: DicomStack,
  rearrange: (frames: readonly FrameInfo[]) => DicomStack,
): Promise<{ stack: DicomStack; issues: Issue[] }> {
  const duplicates = stack.issues.filter((i) => i.code === 'duplicate-slice');
  const dropped = new Set<FrameInfo>();
  const issues: Issue[] = [];
  for (const duplicate of duplicates) {
    const position = (duplicate.details['position'] as readonly number[]).join();
    const members = stack.frames.filter(
      (f) => duplicate.files.includes(f.instance.name) && f.plane?.position.join() === position,
    );
    for (const other of members.slice(1)) {
      if (!(await samePixels(members[0]!, other)))
        throw refusal(`series ${stack.series}`, [
          issue('refuse', 'duplicate-slice', `${duplicate.message} Their pixels differ.`, duplicate),
        ]);
      dropped.add(other);
      issues.push(
        issue(
          'warn',
          'duplicate-slice',
          `${other.instance.name} repeats ${members[0]!.instance.name} pixel for pixel; it was left out.`,
          { files: [members[0]!.instance.name, other.instance.name] },
        ),
      );
    }
  }
  return { stack: rearrange(stack.frames.filter((f) => !dropped.has(f))), issues };
}

/**
 * Reads a stack. Values are rescaled (slope and intercept of each slice); MONOCHROME1 is not inverted; YBR colors become RGB.
 *
 * Shape: [channels, slices, rows, columns]; channels are time points, echoes or colors, one for an ordinary series.
 * Throws: FormatError with `details.issues` when the slices are not one volume, listing every reason; FormatError when pixels are damaged.
 */
export async function readStack(given: DicomStack, options: ReadStackOptions = {}): Promise<DicomVolume> {
  const { onTilt = 'refuse', onDuplicates = 'refuse' } = options;
  let stack = given;
  const notes: Issue[] = [];
  if (onDuplicates === 'drop' && stack.issues.some((i) => i.code === 'duplicate-slice')) {
    const kept = await withoutDuplicates(stack, (frames) => ({ ...given, ...arrange(frames), frames }));
    stack = kept.stack;
    notes.push(...kept.issues);
  }
  const blocking = stack.issues.filter((i) => i.severity === 'refuse' && !(i.code === 'tilt' && onTilt !== 'refuse'));
  if (blocking.length > 0 || stack.lattice === undefined)
    throw refusal(`series ${stack.series || stack.instances[0]!.name}`, blocking);
  const { photometric } = stack.instances[0]!.format;
  if (photometric === 'PALETTE COLOR')
    throw new FormatError(
      `${stack.instances[0]!.name}: the pixels are indices into a color palette, not intensities; convert the images to RGB or gray first.`,
      { file: stack.instances[0]!.name, field: '(0028,0004) PhotometricInterpretation' },
    );
  const shear = stack.tiltDegrees > 0.2 && onTilt === 'shear' ? shearing(stack.lattice) : undefined;
  const target = { lattice: stack.lattice, order: stack.order, shearing: shear };
  const kinds = candidates(stack.frames);
  let voxels: VoxelArray;
  try {
    voxels = await fill({ ...target, kind: kinds[0]! }, options);
  } catch (error) {
    if (!(error instanceof Overflow) || kinds[1] === undefined) throw error;
    voxels = await fill({ ...target, kind: kinds[1] }, options);
  }
  const color = stack.instances[0]!.format.samples === 3;
  const names = stack.channelNames.map((name) =>
    [stack.modality || 'image', name].filter((part) => part !== '').join(' '),
  );
  const channels = color ? names.flatMap((name) => [`${name} red`, `${name} green`, `${name} blue`]) : names;
  const mosaic = stack.instances[0]!.mosaic !== undefined;
  const kind =
    shear !== undefined ? 'sheared' : color ? 'color' : mosaic ? 'mosaic' : names.length > 1 ? '4d' : 'volume';
  const issues = [
    ...stack.issues
      .filter((i) => i.severity === 'warn' || i.code === 'tilt')
      .map((i): Issue => ({ ...i, severity: 'warn' })),
    ...notes,
  ];
  return {
    volume: { grid: gridOf(shear?.lattice ?? stack.lattice), kind: 'intensity', channels, voxels },
    kind,
    stack,
    issues,
  };
}

export interface ReadDicomOptions extends ReadStackOptions {
  /** SeriesInstanceUID to read, where the files hold several. */
  readonly series?: string;
  /** Which orientation of that series, from 0, where it holds several. */
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
