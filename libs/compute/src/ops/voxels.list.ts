/** The operations on volumes, as a list for their conformance test. */
import { components } from './components/components.ts';
import { boundingBox, fillHoles, labelOutside, nonzeroMask, rangeMask } from './masks/masks.ts';
import { decideLabels } from './decide-labels/decide-labels.ts';
import { reindex } from './reindex/reindex.ts';
import { rescaleIntensity } from './rescale-intensity/rescale-intensity.ts';
import { resizeDecide } from './resize-decide/resize-decide.ts';
import { resizeLabels } from './resize-labels/resize-labels.ts';
import { resizeSpline } from './resize-spline/resize-spline.ts';
import { statistics } from './statistics/statistics.ts';

export const voxelOperations = [boundingBox, components, decideLabels, fillHoles, labelOutside, nonzeroMask, rangeMask, reindex, rescaleIntensity, resizeDecide, resizeLabels, resizeSpline, statistics] as const;
