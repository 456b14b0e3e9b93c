/** Which normalization a channel gets, from its name. Source: nnU-Net v2's `channel_name_to_normalization_mapping`. */

const SCHEMES: Readonly<Record<string, string>> = {
  ct: 'CTNormalization',
  nonorm: 'NoNormalization',
  zscore: 'ZScoreNormalization',
  rescale_to_0_1: 'RescaleTo01Normalization',
  rgb_to_0_1: 'RGBTo01Normalization',
};

/** Below this share of voxels inside the non-zero box, statistics come from the non-zero mask only. */
const MASK_BELOW = 0.75;

/** Class name of the scheme; names compare without case, and an unknown name means z-score. */
export function normalizationScheme(channelName: string): string {
  const name = channelName.toLowerCase();
  return Object.hasOwn(SCHEMES, name) ? SCHEMES[name]! : 'ZScoreNormalization';
}

/** Whether a channel is normalized inside its non-zero mask only. */
export function usesMask(scheme: string, medianRelativeSize: number): boolean {
  return scheme === 'ZScoreNormalization' && medianRelativeSize < MASK_BELOW;
}
