/** Intensity ranges and normalization: measured in `sample`, applied as linear changes on the device. */
import {
  histogram,
  histogramEdges,
  nonzeroMask,
  percentiles,
  rangeMask,
  rescaleIntensity,
  reshape,
  slice,
  statistics,
  type Rescaling,
  type Tensor,
} from '@voxelwise/compute';
import {
  draw,
  mapIntensities,
  type Application,
  type Range,
  type Scene,
  type Transform,
} from '../contract/transform.ts';
import { TransformError } from '../errors.ts';

export interface LinearParameters {
  /** One entry per channel (or one for all): y = (clamp(x, low, high) - subtract) / divide · multiply + add. */
  readonly channels: readonly Rescaling[];
  /** Only voxels that are not 0 in their channel change. */
  readonly nonzero?: boolean;
}

export const SAME: Rescaling = { low: null, high: null, subtract: 0, divide: 1, multiply: 1, add: 0 };

export const linearApplication: Application<LinearParameters> & {
  apply(to: Scene, parameters: LinearParameters): Scene;
} = {
  name: 'linearIntensity',
  apply: (scene, { channels, nonzero = false }) =>
    mapIntensities(scene, (x) => {
      const rows = Array.from({ length: x.shape[0]! }, (_, c) => channels[Math.min(c, channels.length - 1)]!);
      return nonzero ? whereNonzero(x, rows) : rescaleIntensity({ x }, { channels: rows });
    }),
};

/** 0 · scale of a masked change stays what it was: the change of x, but 0 stays 0. One pass per channel's own mask. */
function whereNonzero(x: Tensor, rows: readonly Rescaling[]): Tensor {
  let result = x;
  rows.forEach((row, c) => {
    const one = slice({ x }, { start: [c, 0, 0, 0], size: [1, ...x.shape.slice(1)] });
    const below = rangeMask({ x: one }, { low: null, high: -TINY });
    const above = rangeMask({ x: one }, { low: TINY, high: null });
    for (const mask of [below, above]) {
      const next = rescaleIntensity({ x: result, mask }, { channels: rows.map((_, k) => (k === c ? row : SAME)) });
      if (result !== x) result.dispose();
      result = next;
      mask.dispose();
    }
    one.dispose();
  });
  return result;
}

/** The least positive float32. */
const TINY = 1.401298464324817e-45;

const transform = (sample: Transform<LinearParameters>['sample'], measures = true): Transform<LinearParameters> => ({
  ...linearApplication,
  measures,
  sample,
});
const channelCount = (scene: Scene): number => scene.images.voxels.shape[0]!;

async function readTable(table: Tensor): Promise<Float32Array> {
  const numbers = (await table.read()) as Float32Array;
  table.dispose();
  return numbers;
}

/** From [from] to [to], linearly. A range of no width shifts only. `to` null: 0 … 1. */
export interface RangeSettings {
  readonly from: readonly [number, number];
  readonly to?: readonly [number, number] | null;
  readonly clip?: boolean;
}
export function rangeRow({ from: [low, high], to, clip = false }: RangeSettings): Rescaling {
  const [a, b] = to ?? [0, 1];
  if (low === high) return { ...SAME, subtract: low, add: to ? a : 0 };
  const clamped = clip ? { low: Math.min(low, high), high: Math.max(low, high) } : {};
  return { ...SAME, ...clamped, subtract: low, divide: high - low, multiply: b - a, add: a };
}
export const intensityRange = (settings: RangeSettings): Transform<LinearParameters> =>
  transform(() => ({ channels: [rangeRow(settings)] }), false);

/** Percentiles of the image (or of each channel) become the ends of a range. `relative`: the range is cut to the same percentiles. */
export function percentileRange({
  lower,
  upper,
  to = [0, 1],
  clip = false,
  relative = false,
  perChannel = false,
}: {
  readonly lower: number;
  readonly upper: number;
  readonly to?: readonly [number, number];
  readonly clip?: boolean;
  readonly relative?: boolean;
  readonly perChannel?: boolean;
}): Transform<LinearParameters> {
  if (!(lower < upper))
    throw new TransformError(`percentileRange: lower is below upper, came ${lower} and ${upper}.`, { lower, upper });
  const ends = relative
    ? ([to[0] + ((to[1] - to[0]) * lower) / 100, to[0] + ((to[1] - to[0]) * upper) / 100] as const)
    : to;
  return transform(async (scene) => {
    const found = await measurePercentiles(scene, [lower, upper], perChannel);
    return { channels: found.map(([a, b]) => rangeRow({ from: [a!, b!], to: ends, clip })) };
  });
}

/** Per channel, or one row for all channels together. */
export async function measurePercentiles(
  scene: Scene,
  wanted: readonly number[],
  perChannel: boolean,
): Promise<number[][]> {
  const x = scene.images.voxels;
  const together = perChannel ? x : asOneChannel(x);
  const rows = await percentilesPerChannel(together, wanted);
  if (together !== x) together.dispose();
  return rows;
}

/** One row per channel. */
export async function percentilesPerChannel(x: Tensor, wanted: readonly number[]): Promise<number[][]> {
  const numbers = await readTable(percentiles({ x }, { percentiles: wanted }));
  return Array.from({ length: numbers.length / wanted.length }, (_, c) => [
    ...numbers.subarray(c * wanted.length, (c + 1) * wanted.length),
  ]);
}

/** How the values of all channels together fall into equal bins between the least and the greatest, as numpy.histogram has it. */
export async function measureHistogram(
  transform: string,
  voxels: Tensor,
  bins: number,
): Promise<{ readonly counts: Int32Array; readonly edges: Float32Array }> {
  const x = asOneChannel(voxels);
  try {
    const [, low, high] = (await readTable(statistics({ x }))) as unknown as [number, number, number];
    if (!Number.isFinite(low) || !Number.isFinite(high))
      throw new TransformError(
        `${transform}: expects finite values, they range from ${low} to ${high}; replace NaN and infinities before.`,
        { low, high },
      );
    const table = histogram({ x }, { bins, low, high });
    const counts = (await table.read()) as Int32Array;
    table.dispose();
    return { counts, edges: histogramEdges({ bins, low, high }) };
  } finally {
    if (x !== voxels) x.dispose();
  }
}

function asOneChannel(x: Tensor): Tensor {
  if (x.shape[0] === 1) return x;
  return reshape({ x }, { shape: [1, x.shape[0]! * x.shape[1]!, x.shape[2]!, x.shape[3]!] });
}

/** Values outside the percentiles become the percentiles. */
export const clipPercentiles = ({
  lower,
  upper,
  perChannel = false,
}: {
  readonly lower: number;
  readonly upper: number;
  readonly perChannel?: boolean;
}): Transform<LinearParameters> =>
  transform(async (scene) => ({
    channels: (await measurePercentiles(scene, [lower, upper], perChannel)).map(([low, high]) => ({
      ...SAME,
      low: low!,
      high: high!,
    })),
  }));

export const clamp = (low: number, high: number): Transform<LinearParameters> =>
  transform(() => ({ channels: [{ ...SAME, low, high }] }), false);

/** Least and greatest value become the ends of `to`; a constant image becomes x · to[0]. */
export const minMax = ({
  to = [0, 1],
  perChannel = false,
}: { readonly to?: readonly [number, number]; readonly perChannel?: boolean } = {}): Transform<LinearParameters> =>
  transform(async (scene) => ({
    channels: (await measureChannels(scene, perChannel)).map(({ minimum, maximum }) =>
      minimum === maximum ? { ...SAME, multiply: to[0] } : rangeRow({ from: [minimum, maximum], to }),
    ),
  }));

export interface ChannelStatistics {
  readonly count: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly deviation: number;
  readonly sampleDeviation: number;
}

/** Per channel, or one for all together. `mask`: where to look. */
export async function measureChannels(scene: Scene, perChannel: boolean, mask?: Tensor): Promise<ChannelStatistics[]> {
  const x = scene.images.voxels;
  const together = perChannel || mask ? x : asOneChannel(x);
  const numbers = await readTable(statistics({ x: together, mask }));
  if (together !== x) together.dispose();
  return Array.from({ length: numbers.length / 6 }, (_, c) => {
    const [count, minimum, maximum, mean, deviation, sampleDeviation] = numbers.subarray(
      c * 6,
      c * 6 + 6,
    ) as unknown as [number, number, number, number, number, number];
    return { count, minimum, maximum, mean, deviation, sampleDeviation };
  });
}

export interface NormalizeSettings {
  /** Divide by the sample deviation (÷ (n - 1)), as TorchIO does. */
  readonly sample?: boolean;
  /** Statistics only where the image is above its mean; everything is changed. */
  readonly aboveMean?: boolean;
  readonly subtract?: number | readonly number[];
  readonly divide?: number | readonly number[];
  /** Statistics and change only where the image is not 0. */
  readonly nonzero?: boolean;
  readonly perChannel?: boolean;
}
/** Mean 0 and deviation 1 (or the numbers given). A deviation of 0 divides by 1. */
export function zScore({
  subtract,
  divide,
  nonzero = false,
  perChannel = false,
  sample = false,
  aboveMean = false,
}: NormalizeSettings = {}): Transform<LinearParameters> {
  const given = (list: number | readonly number[] | undefined, c: number): number | undefined =>
    typeof list === 'number' || list === undefined ? list : list[c];
  return transform(async (scene) => {
    const found = await (aboveMean
      ? measureAboveMean(scene)
      : nonzero
        ? measureNonzero(scene, perChannel)
        : measureChannels(scene, perChannel));
    const channels = Array.from({ length: perChannel ? channelCount(scene) : 1 }, (_, c) => {
      const own = found[Math.min(c, found.length - 1)]!;
      return {
        ...SAME,
        subtract: given(subtract, c) ?? own.mean,
        divide: (given(divide, c) ?? (sample ? own.sampleDeviation : own.deviation)) || 1,
      };
    });
    return { channels, ...(nonzero ? { nonzero } : {}) };
  });
}

async function measureAboveMean(scene: Scene): Promise<ChannelStatistics[]> {
  const [{ mean }] = (await measureChannels(scene, false)) as [ChannelStatistics];
  const mask = rangeMask({ x: scene.images.voxels }, { low: mean, high: null });
  const found = await measureChannels(scene, true, mask);
  mask.dispose();
  return found;
}

async function measureNonzero(scene: Scene, perChannel: boolean): Promise<ChannelStatistics[]> {
  const { images } = scene;
  const x = perChannel ? images.voxels : asOneChannel(images.voxels);
  const results: ChannelStatistics[] = [];
  for (let c = 0; c < x.shape[0]!; c++) {
    const one = slice({ x }, { start: [c, 0, 0, 0], size: [1, ...x.shape.slice(1)] });
    const mask = nonzeroMask({ x: one });
    const own = { ...scene, images: { ...images, voxels: one } };
    results.push(...(await measureChannels(own, true, mask)));
    one.dispose();
    mask.dispose();
  }
  if (x !== images.voxels) x.dispose();
  return results;
}

/** x + offset. */
export const shift = (offset: Range): Transform<LinearParameters> =>
  transform((_scene, rng) => ({ channels: [{ ...SAME, add: draw(offset, rng) }] }), false);
/** x · factor. */
export const scale = (factor: Range): Transform<LinearParameters> =>
  transform((_scene, rng) => ({ channels: [{ ...SAME, multiply: draw(factor, rng) }] }), false);
/** x + factor · deviation of the image (or of each channel). */
export const shiftByDeviation = ({
  factor,
  nonzero = false,
  perChannel = false,
}: {
  readonly factor: Range;
  readonly nonzero?: boolean;
  readonly perChannel?: boolean;
}): Transform<LinearParameters> =>
  transform(async (scene, rng) => {
    const drawn = draw(factor, rng);
    const found = await (nonzero ? measureNonzero(scene, perChannel) : measureChannels(scene, perChannel));
    return {
      channels: found.map(({ deviation }) => ({ ...SAME, add: drawn * deviation })),
      ...(nonzero ? { nonzero } : {}),
    };
  });
