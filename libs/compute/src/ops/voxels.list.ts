/** The operations on volumes, as a list for their conformance test. */
import { components } from './components/components.ts';
import { boundingBox, fillHoles, nonzeroMask } from './masks/masks.ts';
import { reindex } from './reindex/reindex.ts';
import { rescaleIntensity } from './rescale-intensity/rescale-intensity.ts';
import { resizeLabels } from './resize-labels/resize-labels.ts';
import { resizeSpline } from './resize-spline/resize-spline.ts';
import { statistics } from './statistics/statistics.ts';

export const voxelOperations = [boundingBox, components, fillHoles, nonzeroMask, reindex, rescaleIntensity, resizeLabels, resizeSpline, statistics] as const;
