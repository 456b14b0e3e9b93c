/** What is asked of an adapter and what kernels go by. */
import { DeviceError } from '../../errors.ts';

/** Limits raised to the adapter's; lower is better for none of them. */
export const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBuffersPerShaderStage',
] as const;

export type GpuLimit = (typeof WANTED_LIMITS)[number];

/** Least bytes of a buffer with which operations can still be cut: one row of a table or a few sums. */
const LEAST_BYTES = 256;

/**
 * The limits with some lowered.
 *
 * Throws: DeviceError for a cap that is no whole number, or buffers below 256 bytes.
 */
export function cappedLimits(
  limits: GPUSupportedLimits,
  caps: Readonly<Partial<Record<GpuLimit, number>>> = {},
): GPUSupportedLimits {
  const lowered: Record<string, number> = {};
  for (const name in limits) lowered[name] = (limits as unknown as Record<string, number>)[name]!;
  for (const [name, cap] of Object.entries(caps)) {
    const least = name === 'maxBufferSize' || name === 'maxStorageBufferBindingSize' ? LEAST_BYTES : 1;
    if (!WANTED_LIMITS.includes(name as GpuLimit) || !Number.isInteger(cap) || cap < least)
      throw new DeviceError(
        `createWebGpuDevice: limits.${name} is a whole number of at least ${least} for one of ${WANTED_LIMITS.join(', ')}; came ${cap}.`,
        { limit: name, cap },
      );
    lowered[name] = Math.min(lowered[name]!, cap);
  }
  return lowered as unknown as GPUSupportedLimits;
}
