/** The operations on volumes, as a list for their conformance test. */
import { blur } from './blur/blur.ts';
import { components } from './components/components.ts';
import { contrast } from './contrast/contrast.ts';
import { decideLabels } from './decide-labels/decide-labels.ts';
import { distance } from './distance/distance.ts';
import { gamma } from './gamma/gamma.ts';
import { gaussianNoise } from './gaussian-noise/gaussian-noise.ts';
import { lowResolution } from './low-resolution/low-resolution.ts';
import { histogram } from './histogram/histogram.ts';
import { boundingBox, fillHoles, labelOutside, nonzeroMask, rangeMask } from './masks/masks.ts';
import { percentiles } from './percentiles/percentiles.ts';
import { reindex } from './reindex/reindex.ts';
import { remapLabels } from './remap-labels/remap-labels.ts';
import { rescaleIntensity } from './rescale-intensity/rescale-intensity.ts';
import { resizeDecide } from './resize-decide/resize-decide.ts';
import { resizeLabels } from './resize-labels/resize-labels.ts';
import { resizeSpline } from './resize-spline/resize-spline.ts';
import { sampleAffine } from './sample-affine/sample-affine.ts';
import { splineCoefficients } from './spline-coefficients/spline-coefficients.ts';
import { statistics } from './statistics/statistics.ts';

export const voxelOperations = [
  blur,
  boundingBox,
  components,
  contrast,
  decideLabels,
  distance,
  fillHoles,
  gamma,
  gaussianNoise,
  histogram,
  labelOutside,
  lowResolution,
  nonzeroMask,
  percentiles,
  rangeMask,
  reindex,
  remapLabels,
  rescaleIntensity,
  resizeDecide,
  resizeLabels,
  resizeSpline,
  sampleAffine,
  splineCoefficients,
  statistics,
] as const;
