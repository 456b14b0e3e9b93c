/** The augmentations that settings can name. */
import type { Device } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { TrainingError } from '../errors.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import type { Augmentation } from './augmentation.ts';
import { mirroring, noAugmentation } from './mirroring.ts';
import { wholeAugmentation } from './nnunet-augmentation.ts';

type Named = Pick<TrainingSettings, 'augmentation' | 'mirrorAxes' | 'maskChannels' | 'dummy2d' | 'nearest'>;
type Make = (settings: Named, patch: PerAxis, device: Device) => Augmentation;

const whole =
  (recipe: 'default' | 'da5'): Make =>
  ({ mirrorAxes, maskChannels = [], dummy2d, nearest }, patch, device) =>
    wholeAugmentation(device, patch, { mirrorAxes, maskChannels, dummy2d, nearest, recipe });

const catalogue: Readonly<Record<TrainingSettings['augmentation'], Make>> = {
  none: () => noAugmentation,
  mirror: ({ mirrorAxes }) => mirroring(mirrorAxes),
  nnunet: whole('default'),
  'nnunet-da5': whole('da5'),
};

/** Throws: TrainingError for an unknown name, listing the known ones. */
export function augmentationNamed(settings: Named, patch: PerAxis, device: Device): Augmentation {
  const make = Object.hasOwn(catalogue, settings.augmentation) ? catalogue[settings.augmentation] : undefined;
  if (make === undefined)
    throw new TrainingError(
      `There is no augmentation called ${settings.augmentation}; known are ${Object.keys(catalogue).join(', ')}.`,
      { known: Object.keys(catalogue) },
    );
  return make(settings, patch, device);
}

/** Of a cascade's first stage, how likely each label changes where that happens at all: see `BatchRequest`. */
export function previousLabelProbability({ augmentation }: Named): number {
  return { none: 0, mirror: 0, nnunet: 0.5, 'nnunet-da5': 1 }[augmentation];
}
