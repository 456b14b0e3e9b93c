/** Which case a sample comes from, and where its patch is cut. */
import type { Philox } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import type { PreparedCase } from '../cases/prepared-case.ts';
import { drawPatchStart, isForced } from './patch-box.ts';

export interface SampleRequest {
  /** Of this sample alone: the same for the same seed, step and sample. */
  readonly random: Philox;
  /** Position in the batch. */
  readonly sample: number;
  readonly batchSize: number;
}

export interface Sampler {
  chooseCase(ids: readonly string[], request: SampleRequest): string;
  /** First voxel of the patch, perhaps outside the case. `initialPatch`: cut size; `patch`: what the network sees of it. */
  choosePatch(
    prepared: PreparedCase,
    sizes: { readonly initialPatch: PerAxis; readonly patch: PerAxis },
    request: SampleRequest,
  ): PerAxis;
}

/**
 * nnU-Net's: cases uniformly with replacement; the last `share` of a batch centered on a voxel of a random class, or each
 * sample with that probability.
 */
export function foregroundSampler(share: number, by: 'position' | 'chance' = 'position'): Sampler {
  return {
    chooseCase: (ids, { random }) => ids[random.integer(0, ids.length)]!,
    choosePatch: ({ shape, locations }, sizes, { random, sample, batchSize }) =>
      drawPatchStart(random, {
        shape,
        locations,
        ...sizes,
        forceForeground:
          by === 'chance' ? random.split('forced').uniform() < share : isForced(sample, batchSize, share),
      }),
  };
}
