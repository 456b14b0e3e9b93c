/** The augmentation of nnU-Net's nnUNetTrainerDA5: more of everything. Source: nnU-Net v2, variants/data_augmentation. */
import { oneOf } from '../../compose/sequence.ts';
import { withProbability } from '../../compose/with-probability.ts';
import type { Transform } from '../../contract/transform.ts';
import { nnunetBlankBoxes, nnunetMedian, nnunetSharpen, nnunetShift } from './artifacts.ts';
import type { NnunetAugmentationSettings } from './augmentation.ts';
import {
  nnunetBlur,
  nnunetContrast,
  nnunetGamma,
  nnunetLowResolution,
  nnunetMask,
  nnunetNoise,
  nnunetOutsideToBackground,
} from './intensity.ts';
import { nnunetBrightnessSpot, nnunetGammaSpot } from './local.ts';
import { mirror } from './mirror.ts';
import { equalAxes, randomQuarterTurns, randomTranspose } from './quarter-turns.ts';
import type { NnunetSpatialSettings } from './spatial.ts';

export const da5Spatial: Partial<NnunetSpatialSettings> = {
  rotationProbability: 0.4,
  axisProbability: 0.5,
  scalingProbability: 0.2,
  scale: [0.7, 1.43],
  scaleEachAxis: true,
};

/** The steps after the spatial one, in order. Both gammas invert, as in the reference. */
export function da5Steps({
  patch,
  dummy2d = false,
  mirrorAxes,
  maskChannels = [],
}: Pick<NnunetAugmentationSettings, 'patch' | 'dummy2d' | 'mirrorAxes' | 'maskChannels'>): readonly Transform[] {
  /* eslint-disable-next-line @typescript-eslint/no-explicit-any -- transforms have parameters of every type */
  const sometimes = (p: number, transform: Transform<any>): Transform => withProbability(p, transform) as Transform;
  const axes = equalAxes(patch);
  const contrast = (preserveRange: boolean): Transform =>
    sometimes(0.2, nnunetContrast([0.5, 2], { channelProbability: 0.5, preserveRange }));
  const gamma = sometimes(0.1, nnunetGamma(true, [0.7, 1.5]));
  return [
    ...(axes.length > 0 ? [sometimes(0.5, randomQuarterTurns(axes)), sometimes(0.5, randomTranspose(axes))] : []),
    oneOf([sometimes(0.2, nnunetMedian()), sometimes(0.2, nnunetBlur([0.3, 1.5], { sameForAxes: true }))]) as Transform,
    sometimes(0.1, nnunetNoise()),
    sometimes(0.1, nnunetShift()),
    oneOf([contrast(true), contrast(false)]) as Transform,
    sometimes(0.15, nnunetLowResolution(dummy2d ? [0] : [], [0.25, 1])),
    gamma,
    gamma,
    ...(mirrorAxes.length > 0 ? [mirror({ axes: mirrorAxes }) as Transform] : []),
    sometimes(0.4, nnunetBlankBoxes()),
    sometimes(0.3, nnunetBrightnessSpot()),
    sometimes(0.3, nnunetGammaSpot()),
    sometimes(0.2, nnunetSharpen()),
    ...(maskChannels.length > 0 ? [nnunetMask(maskChannels) as Transform] : []),
    nnunetOutsideToBackground() as Transform,
  ];
}
