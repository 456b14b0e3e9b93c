/** Normalization per channel, before resampling. Source: nnU-Net v2; statistics are rounded to float32 as there. */
import { rescaleIntensity, statistics, type Rescaling, type Tensor } from '@voxelwise/compute';
import { TransformError } from '../errors.ts';
import type { PreprocessSettings } from './settings.ts';

const LEAST_DEVIATION = 1e-8;
const SAME: Rescaling = { low: null, high: null, subtract: 0, divide: 1, multiply: 1, add: 0 };

/** Statistics of a channel as `statistics` gives them. */
interface ChannelStatistics {
  readonly count: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly deviation: number;
}

/**
 * Normalizes [C, z, y, x]. `mask`: where the labels are not negative; used for the channels that ask for it.
 * Throws: TransformError for an unknown scheme, missing intensities, or RGB values outside 0 … 255.
 */
export async function normalize(x: Tensor, mask: Tensor, settings: PreprocessSettings): Promise<Tensor> {
  const channels = x.shape[0]!;
  checkSettings(settings, channels);
  const whole = await measure(x);
  const masked = settings.useMaskForNormalization.some(Boolean) ? await measure(x, mask) : whole;
  const rows = settings.normalizationSchemes.map((_, c) => ({
    usesMask: usesMask(settings, c),
    row: rescaling(settings, c, usesMask(settings, c) ? masked[c]! : whole[c]!),
  }));
  // A channel under the mask and one beside it need two passes; each leaves the other's channels as they are.
  let result = x;
  for (const withMask of [false, true]) {
    if (!rows.some(({ usesMask }) => usesMask === withMask)) continue;
    const next = rescaleIntensity(withMask ? { x: result, mask } : { x: result }, {
      channels: rows.map(({ usesMask, row }) => (usesMask === withMask ? row : SAME)),
    });
    if (result !== x) result.dispose();
    result = next;
  }
  return result;
}

function rescaling(settings: PreprocessSettings, channel: number, found: ChannelStatistics): Rescaling {
  const scheme = settings.normalizationSchemes[channel]!;
  if (scheme === 'ZScoreNormalization')
    return { ...SAME, subtract: found.mean, divide: Math.max(found.deviation, LEAST_DEVIATION) };
  if (scheme === 'CTNormalization') {
    const data = settings.foregroundIntensities![channel]!;
    return {
      ...SAME,
      low: data.percentile_00_5,
      high: data.percentile_99_5,
      subtract: data.mean,
      divide: Math.max(data.std, LEAST_DEVIATION),
    };
  }
  if (scheme === 'RescaleTo01Normalization')
    return {
      ...SAME,
      subtract: found.minimum,
      divide: Math.max(Math.fround(found.maximum - found.minimum), LEAST_DEVIATION),
    };
  if (scheme === 'NoNormalization') return SAME;
  if (found.minimum < 0 || found.maximum > 255)
    throw new TransformError(
      `normalize: RGBTo01Normalization expects channel ${channel} within 0 … 255, it spans ${found.minimum} … ${found.maximum}.`,
      { channel, ...found },
    );
  return { ...SAME, divide: 255 };
}

function usesMask(settings: PreprocessSettings, channel: number): boolean {
  return (
    settings.normalizationSchemes[channel] === 'ZScoreNormalization' &&
    settings.useMaskForNormalization[channel] === true
  );
}

async function measure(x: Tensor, mask?: Tensor): Promise<ChannelStatistics[]> {
  const table = statistics({ x, mask });
  const numbers = await table.read();
  table.dispose();
  return Array.from({ length: x.shape[0]! }, (_, c) => {
    const [count, minimum, maximum, mean, deviation] = numbers.subarray(c * 6, c * 6 + 6);
    return { count: count!, minimum: minimum!, maximum: maximum!, mean: mean!, deviation: deviation! };
  });
}

const KNOWN = [
  'ZScoreNormalization',
  'CTNormalization',
  'RescaleTo01Normalization',
  'RGBTo01Normalization',
  'NoNormalization',
];

function checkSettings(
  { normalizationSchemes, useMaskForNormalization, foregroundIntensities }: PreprocessSettings,
  channels: number,
): void {
  if (normalizationSchemes.length !== channels || useMaskForNormalization.length !== channels)
    throw new TransformError(
      `normalize: the case has ${channels} channel(s), the settings name ${normalizationSchemes.length} scheme(s) and ${useMaskForNormalization.length} mask flag(s).`,
      { channels },
    );
  normalizationSchemes.forEach((scheme, channel) => {
    if (!KNOWN.includes(scheme))
      throw new TransformError(
        `normalize: unknown scheme ${String(scheme)} for channel ${channel}; known are ${KNOWN.join(', ')}.`,
        { channel, scheme },
      );
    if (scheme === 'CTNormalization' && foregroundIntensities?.[channel] === undefined)
      throw new TransformError(
        `normalize: CTNormalization of channel ${channel} needs the data set's foreground intensities of that channel.`,
        { channel },
      );
  });
}
