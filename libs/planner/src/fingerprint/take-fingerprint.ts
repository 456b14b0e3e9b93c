/**
 * Taking the fingerprint of a data set, one case in memory at a time.
 *
 * Source: nnU-Net v2's fingerprint extractor: crop to the non-zero region, then samples of the foreground with
 * replacement, drawn with NumPy's legacy generator seeded with 1234 for each case anew.
 */
import { NumpyRandomState } from '@voxelwise/compute';
import { type Case, nonzeroRegion, spacing } from '@voxelwise/volume';
import { FingerprintError } from '../errors.ts';
import type { Fingerprint, Triple } from './fingerprint.ts';
import { median } from './statistics.ts';
import { ValuePool } from './value-pool.ts';

/** Foreground samples over the whole data set, shared out evenly among its cases. */
const SAMPLES = 100_000_000;
const SEED = 1234;

export interface TakeFingerprintOptions {
  /** How many cases there are: decides how many samples each gives. */
  readonly caseCount: number;
  /**
   * Opens the cases from the start, each with labels. Called a second time only when a channel has more different
   * values than `maxBytes` can hold.
   */
  readonly cases: () => AsyncIterable<Case> | Iterable<Case>;
  /** Millimetres per voxel of a case, array order. Default: from its grid's affine. */
  readonly spacingOf?: (subject: Case) => Triple;
  /** Memory for counting intensities, all channels together. Default 512 MiB. */
  readonly maxBytes?: number;
  /** Called after each case. */
  readonly onCase?: (id: string, done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Throws: FingerprintError, naming the case, if it has no labels, its labels have another shape, its channels differ in
 * number from the first case's, a foreground voxel is not finite; or if no case has foreground.
 */
export async function takeFingerprint(options: TakeFingerprintOptions): Promise<Fingerprint> {
  const {
    caseCount,
    spacingOf = (subject) => spacing(subject.images.grid),
    maxBytes = 2 ** 29,
    onCase,
    signal,
  } = options;
  const draws = Math.floor(SAMPLES / caseCount);
  const shapes: Triple[] = [];
  const spacings: Triple[] = [];
  const relativeSizes: number[] = [];
  let pools: ValuePool[] | undefined;
  for await (const subject of options.cases()) {
    signal?.throwIfAborted();
    const channels = subject.images.channels.length;
    pools ??= Array.from({ length: channels }, () => new ValuePool(maxBytes / channels));
    checkCase(subject, pools.length);
    const { shape } = subject.images.grid;
    const region = nonzeroRegion(subject.images.voxels, shape);
    shapes.push(region.shape);
    spacings.push(spacingOf(subject));
    relativeSizes.push(product(region.shape) / product(shape));
    sample(subject, foregroundOf(subject, region.box), draws, (channel, value, times) =>
      pools![channel]!.add(value, times),
    );
    onCase?.(subject.id, shapes.length);
  }
  if (pools === undefined || shapes.length !== caseCount)
    throw new FingerprintError(`fingerprint: ${caseCount} case(s) were announced, ${shapes.length} came.`, {
      caseCount,
    });
  if (pools.some((pool) => pool.needsSecondPass)) await lookAgain(options, pools, draws);
  const perChannel = pools.map((pool, channel) => [String(channel), pool.properties()] as const);
  return {
    foreground_intensity_properties_per_channel: Object.fromEntries(perChannel),
    median_relative_size_after_cropping: median(relativeSizes),
    shapes_after_crop: shapes,
    spacings,
  };
}

async function lookAgain(options: TakeFingerprintOptions, pools: readonly ValuePool[], draws: number): Promise<void> {
  const overflowed = new Set([...pools.keys()].filter((channel) => pools[channel]!.needsSecondPass));
  for (const channel of overflowed) pools[channel]!.startSecondPass();
  for await (const subject of options.cases()) {
    options.signal?.throwIfAborted();
    const { box } = nonzeroRegion(subject.images.voxels, subject.images.grid.shape);
    sample(subject, foregroundOf(subject, box), draws, (channel, value, times) => {
      if (overflowed.has(channel)) pools[channel]!.addAgain(value, times);
    });
  }
}

/** Positions of the voxels with a label above 0 inside the box, C order. */
function foregroundOf(subject: Case, box: { readonly start: Triple; readonly end: Triple }): Uint32Array {
  const labels = subject.labels!.voxels;
  const [, height, width] = subject.images.grid.shape;
  const visit = (found: (position: number) => void): void => {
    for (let z = box.start[0]; z < box.end[0]; z++)
      for (let y = box.start[1]; y < box.end[1]; y++) {
        const row = (z * height + y) * width;
        for (let i = row + box.start[2]; i < row + box.end[2]; i++) if (labels[i]! > 0) found(i);
      }
  };
  let count = 0;
  visit(() => count++);
  const positions = new Uint32Array(count);
  let next = 0;
  visit((position) => (positions[next++] = position));
  return positions;
}

/** Draws foreground voxels of every channel and tells how often each value came. */
function sample(
  subject: Case,
  positions: Uint32Array,
  draws: number,
  tell: (channel: number, value: number, times: number) => void,
): void {
  if (positions.length === 0) return;
  const { voxels, channels, grid } = subject.images;
  const random = new NumpyRandomState(SEED);
  const counts = new Uint32Array(positions.length);
  for (let channel = 0; channel < channels.length; channel++) {
    const base = channel * product(grid.shape);
    requireFinite(subject, channel, base, positions);
    counts.fill(0);
    random.countChoices(draws, counts);
    for (let i = 0; i < positions.length; i++)
      if (counts[i] !== 0) tell(channel, Math.fround(voxels[base + positions[i]!]!), counts[i]!);
  }
}

function requireFinite({ id, images }: Case, channel: number, base: number, positions: Uint32Array): void {
  const wrong = positions.find((position) => !Number.isFinite(images.voxels[base + position]!));
  if (wrong === undefined) return;
  const value = images.voxels[base + wrong]!;
  throw new FingerprintError(
    `fingerprint: case ${id}, channel ${channel} holds ${value} inside the foreground; intensities must be finite. Repair or leave out the case.`,
    { case: id, channel, value },
  );
}

function checkCase(subject: Case, channels: number): void {
  const fail = (message: string): never => {
    throw new FingerprintError(`fingerprint: case ${subject.id} ${message}`, { case: subject.id });
  };
  const { grid, channels: names, voxels } = subject.images;
  if (names.length !== channels) fail(`has ${names.length} channel(s), the cases before have ${channels}.`);
  if (voxels.length !== channels * product(grid.shape))
    fail(
      `holds ${voxels.length} voxels, [${channels}, ${grid.shape.join(', ')}] needs ${channels * product(grid.shape)}.`,
    );
  if (subject.labels === undefined) fail('has no labels; the fingerprint samples the labeled foreground.');
  const labels = subject.labels!.grid.shape;
  if (labels.some((n, axis) => n !== grid.shape[axis]))
    fail(`has an image of [${grid.shape.join(', ')}] and labels of [${labels.join(', ')}] voxels (z, y, x).`);
}

function product([a, b, c]: Triple): number {
  return a * b * c;
}
