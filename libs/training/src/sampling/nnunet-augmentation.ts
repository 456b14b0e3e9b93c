/** nnU-Net's augmentation for the sampler: rotation and scaling into the final patch, intensity changes, mirroring. */
import type { Device } from '@voxelwise/compute';
import { nnunetAugmentation } from '@voxelwise/transforms';
import type { PerAxis } from '@voxelwise/volume';
import type { Augmentation } from './augmentation.ts';
import { DA5_LEAST_SCALE, initialPatch, rotationPlan } from './initial-patch.ts';

export interface AugmentationOptions {
  readonly mirrorAxes: readonly number[];
  /** Channels to set to 0 outside the labeled region. */
  readonly maskChannels?: readonly number[];
  /** Whether thin patches are turned slice by slice. Default true. */
  readonly dummy2d?: boolean | undefined;
  /** What takes the nearest voxel when it is turned or scaled. Default none. */
  readonly nearest?: 'none' | 'labels' | 'images and labels' | undefined;
  /** Whose: the default trainer's (default), or nnUNetTrainerDA5's. */
  readonly recipe?: 'default' | 'da5' | undefined;
}

/** `device`: best a WASM device of one thread, so that augmenting does not wait for the network. */
export function wholeAugmentation(
  device: Device,
  patch: PerAxis,
  { mirrorAxes, maskChannels = [], dummy2d: thin = true, nearest = 'none', recipe = 'default' }: AugmentationOptions,
): Augmentation {
  const { angles, dummy2d } = rotationPlan(patch, thin);
  const settings = { patch, rotation: angles, dummy2d, mirrorAxes, maskChannels, nearest, recipe };
  const transform = nnunetAugmentation(settings, device);
  return {
    initialPatch: (final) =>
      initialPatch(final, angles, dummy2d, ...(recipe === 'da5' ? ([DA5_LEAST_SCALE] as const) : [])),
    apply: (crop, _patch, random) => transform.apply(crop, random),
  };
}
