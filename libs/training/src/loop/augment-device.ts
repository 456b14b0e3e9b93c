/** Patches are augmented on the calling thread while the network's device computes: a WASM device of one thread for that. */
import { createWasmDevice, type Device } from '@voxelwise/compute';
import type { TrainOptions } from './train-options.ts';

/** Adds a device to augment on: the one given, or the network's where that runs inline anyway, or one of its own to dispose. */
export async function withAugmentDevice<
  O extends Pick<TrainOptions, 'device' | 'augmentOn' | 'settings' | 'augmentation'>,
>(options: O): Promise<{ readonly options: O & { augmentOn: Device }; dispose(): void }> {
  const { device, augmentOn, settings, augmentation } = options;
  const inline =
    augmentation !== undefined ||
    settings.augmentation !== 'nnunet' ||
    device.kind === 'reference' ||
    (device as { threads?: number }).threads === 1;
  if (augmentOn || inline) return { options: { ...options, augmentOn: augmentOn ?? device }, dispose: () => undefined };
  const own = await createWasmDevice({ threads: 1 });
  return { options: { ...options, augmentOn: own }, dispose: () => own.dispose() };
}
