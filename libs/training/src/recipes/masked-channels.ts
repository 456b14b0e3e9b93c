/** Which channels are normalized inside the non-zero region only, and so stay 0 outside it in every patch. */
import type { ConfigurationPlan } from '@voxelwise/planner';

/** Nothing where there are none, so that settings without masks stay as they are. */
export function maskedChannels({ channels = [] }: Partial<Pick<ConfigurationPlan, 'channels'>>): {
  readonly maskChannels?: readonly number[];
} {
  const masked = channels.flatMap((channel, k) => (channel.useMask ? [k] : []));
  return masked.length === 0 ? {} : { maskChannels: masked };
}
