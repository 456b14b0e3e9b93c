/** Every transform that a history may name, one line each. */
import type { Applied, Application, Scene } from './contract/transform.ts';
import { Pending } from './compose/pending.ts';
import { TransformError } from './errors.ts';
import * as curves from './intensity/curves.ts';
import * as histogram from './intensity/histogram.ts';
import * as artifacts from './intensity/mri-artifacts.ts';
import { dropoutApplication } from './intensity/dropout.ts';
import { medianApplication } from './intensity/median-filter.ts';
import { motionApplication } from './intensity/motion.ts';
import { linearApplication } from './intensity/range.ts';
import * as labels from './labels/labels.ts';
import { maskApplication } from './intensity/mask.ts';
import { hoverMapsApplication } from './labels/hover-maps.ts';
import { monaiElasticApplication } from './spatial/monai-elastic.ts';
import { monaiElastic2dApplication } from './spatial/monai-elastic-2d.ts';
import { n4Application } from './intensity/n4.ts';
import { monaiSmallApplication } from './labels/monai-small.ts';
import * as nnunetArtifacts from './nnunet/augmentation/artifacts.ts';
import * as nnunet from './nnunet/augmentation/intensity.ts';
import * as nnunetLocal from './nnunet/augmentation/local.ts';
import { mirrorApplication } from './nnunet/augmentation/mirror.ts';
import { nnunetSpatialApplication } from './nnunet/augmentation/spatial.ts';
import { affineApplication, torchioAffineApplication } from './spatial/affine.ts';
import { anisotropyApplication } from './spatial/anisotropy.ts';
import { controlGridApplication, elasticApplication, gridDistortionApplication } from './spatial/elastic.ts';
import { boxApplication, flipApplication, rotate90Application, transposeApplication } from './spatial/index-moves.ts';
import * as post from './post/activations.ts';
import * as torchio2 from './spatial/torchio-2.ts';
import { torchio2MotionApplication } from './intensity/torchio-2-motion.ts';
import { LINEAR } from './spatial/move.ts';
import { resizeApplication, zoomApplication } from './spatial/resize.ts';
import { orientationApplication, resampleApplication, spacingApplication } from './spatial/spacing.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- a list of applications has parameters of every type */
type AnyApplication = Application<any>;

const applications: readonly AnyApplication[] = [
  affineApplication,
  anisotropyApplication,
  boxApplication,
  controlGridApplication,
  elasticApplication,
  flipApplication,
  gridDistortionApplication,
  orientationApplication,
  resampleApplication,
  resizeApplication,
  rotate90Application,
  spacingApplication,
  torchioAffineApplication,
  transposeApplication,
  zoomApplication,
  curves.contrastCurveApplication,
  curves.gammaCurveApplication,
  curves.noiseFieldApplication,
  curves.sharpenApplication,
  curves.smoothApplication,
  histogram.curveApplication,
  histogram.equalizeApplication,
  histogram.landmarksApplication,
  histogram.matchApplication,
  histogram.savitzkyGolayApplication,
  histogram.signedPowerApplication,
  histogram.softClipApplication,
  histogram.thresholdApplication,
  dropoutApplication,
  linearApplication,
  medianApplication,
  motionApplication,
  artifacts.biasFieldApplication,
  artifacts.ghostingApplication,
  artifacts.gibbsApplication,
  artifacts.kSpaceSpikeApplication,
  artifacts.spikeApplication,
  artifacts.swapApplication,
  labels.channelsApplication,
  labels.contourApplication,
  labels.decideApplication,
  labels.holesApplication,
  labels.largestApplication,
  labels.remapApplication,
  labels.sequentialApplication,
  labels.smallApplication,
  nnunet.blurApplication,
  nnunet.brightnessApplication,
  nnunet.contrastApplication,
  nnunet.gammaApplication,
  nnunet.lowResolutionApplication,
  nnunet.maskOutsideApplication,
  nnunet.noiseApplication,
  nnunet.outsideToBackgroundApplication,
  nnunetArtifacts.blankBoxesApplication,
  nnunetArtifacts.laplacianApplication,
  nnunetArtifacts.nnunetMedianApplication,
  nnunetLocal.brightnessSpotApplication,
  nnunetLocal.gammaSpotApplication,
  nnunetSpatialApplication,
  mirrorApplication,
  monaiSmallApplication,
  maskApplication,
  hoverMapsApplication,
  monaiElasticApplication,
  monaiElastic2dApplication,
  n4Application,
  post.activationApplication,
  post.binarizeApplication,
  post.roundApplication,
  post.sobelApplication,
  torchio2.torchio2AffineApplication,
  torchio2.torchio2AnisotropyApplication,
  torchio2.torchio2ControlGridApplication,
  torchio2MotionApplication,
];

/** By name. */
export const catalogue: ReadonlyMap<string, AnyApplication> = new Map(
  applications.map((application) => [application.name, application]),
);

/**
 * Does a history again, step by step. `more`: applications of one's own. Placements that a sequence fused are fused again.
 * Throws: TransformError for a name that is in neither list.
 */
export async function replay(
  scene: Scene,
  history: readonly Applied[],
  more: readonly AnyApplication[] = [],
): Promise<Scene> {
  const known = new Map([...catalogue, ...more.map((application) => [application.name, application] as const)]);
  const pending = new Pending(scene);
  for (const { name, parameters } of history) {
    const application = known.get(name);
    if (application === undefined)
      throw new TransformError(
        `replay: no transform is called '${name}'; known are ${[...known.keys()].sort().join(', ')}.`,
        { name },
      );
    const { place } = application;
    if (place) pending.add((grid) => place(grid, parameters), application.sampling?.(parameters) ?? LINEAR);
    else pending.replace(await application.apply(pending.settle(), parameters));
  }
  return pending.settle();
}
