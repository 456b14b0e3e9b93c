/**
 * Augmentation of a previous stage's segmentation before it becomes input channels: one-hot, morphology with balls, removal of
 * small components. Source: batchgeneratorsv2 as nnU-Net v2 configures it for the cascade. On the host.
 */
import type { Rng } from '@voxelwise/compute';
import { connectedComponents, type PerAxis } from '@voxelwise/volume';
import { TransformError } from '../../errors.ts';
import { ballOffsets, binaryOperator, type BinaryOperator } from './morphology.ts';

/** One channel per label: 1 where the previous stage saw it. [voxels] -> [labels, voxels]. */
export function previousStageChannels(segmentation: ArrayLike<number>, labels: readonly number[]): Float32Array {
  const channels = new Float32Array(labels.length * segmentation.length);
  labels.forEach((label, c) => {
    for (let v = 0; v < segmentation.length; v++)
      if (segmentation[v] === label) channels[c * segmentation.length + v] = 1;
  });
  return channels;
}

export interface CascadeRecord {
  /** In the order in which they are done: channel, operator, radius; channels not listed stay. */
  readonly operations: readonly {
    readonly channel: number;
    readonly operator: BinaryOperator;
    readonly radius: number;
  }[];
  /** Channels that lose a component, and which of the small ones (a share of their count). */
  readonly removals: readonly { readonly channel: number; readonly pick: number }[];
}

const OPERATORS: readonly BinaryOperator[] = ['dilation', 'erosion', 'closing', 'opening'];

/**
 * With probability 0.4 binary operators (one of its own for each channel chosen, radius 1 … 8), with 0.2 the removal of a component
 * of each channel chosen.
 */
export function sampleCascade(channels: number, rng: Rng, channelProbability = 0.5): CascadeRecord {
  const order = Array.from({ length: channels }, (_, c) => c);
  for (let k = channels - 1; k > 0; k--) {
    const j = rng.integer(0, k + 1);
    [order[k], order[j]] = [order[j]!, order[k]!];
  }
  const operate = rng.uniform() < 0.4;
  const operations = order.flatMap((channel) => {
    const [chosen, radius] = [rng.uniform() < channelProbability, rng.uniform(1, 8)];
    const operator = OPERATORS[rng.integer(0, OPERATORS.length)]!;
    return operate && chosen ? [{ channel, operator, radius }] : [];
  });
  const remove = rng.uniform() < 0.2;
  const removals = order.flatMap((channel) => {
    const [chosen, pick] = [rng.uniform() < channelProbability, rng.uniform()];
    return remove && chosen ? [{ channel, pick }] : [];
  });
  return { operations, removals };
}

/** Components up to this share of the patch may be removed. */
const LARGEST_SHARE = 0.15;

/** Applies a record to [channels, z, y, x] of zeros and ones. Voxels that a channel gains are taken from the others. */
export function applyCascade(
  input: Float32Array,
  shape: PerAxis,
  { operations, removals }: CascadeRecord,
): Float32Array {
  const voxels = shape[0] * shape[1] * shape[2];
  const count = input.length / voxels;
  if (!Number.isInteger(count))
    throw new TransformError(
      `applyCascade: ${input.length} numbers are no whole number of channels of [${shape.join(', ')}].`,
      { length: input.length, shape },
    );
  const result = input.slice();
  const maskOf = (channel: number): Uint8Array =>
    Uint8Array.from(result.subarray(channel * voxels, (channel + 1) * voxels));
  for (const { channel, operator, radius } of operations) {
    const before = maskOf(channel);
    const after = binaryOperator(before, shape, operator, ballOffsets(radius));
    for (let v = 0; v < voxels; v++) {
      result[channel * voxels + v] = after[v]!;
      if (after[v] && !before[v])
        for (let other = 0; other < count; other++) if (other !== channel) result[other * voxels + v] = 0;
    }
  }
  for (const { channel, pick } of removals) {
    const found = connectedComponents(maskOf(channel), shape, 26);
    const small = found.sizes.flatMap((size, k) => (size < LARGEST_SHARE * voxels ? [k + 1] : []));
    const gone = small[Math.floor(pick * small.length)];
    if (gone !== undefined)
      found.labels.forEach((component, v) => component === gone && (result[channel * voxels + v] = 0));
  }
  return result;
}
