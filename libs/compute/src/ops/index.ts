/** Every operation, one line each. */
export { add } from './pointwise/pointwise.ts';
export { resizeSpline, type ResizeSplineOptions } from './resize-spline/resize-spline.ts';
export { resizeLabels, type ResizeLabelsOptions } from './resize-labels/resize-labels.ts';
export { reindex, type AxisMap, type Boundary, type ReindexOptions } from './reindex/reindex.ts';
export { statistics, STATISTICS } from './statistics/statistics.ts';
export { rescaleIntensity, type RescaleIntensityOptions, type Rescaling } from './rescale-intensity/rescale-intensity.ts';
export { components, type ComponentsOptions } from './components/components.ts';
export { boundingBox, fillHoles, labelOutside, nonzeroMask, rangeMask } from './masks/masks.ts';
export { decideLabels, type DecideLabelsOptions } from './decide-labels/decide-labels.ts';
export { resizeDecide, type ResizeDecideOptions } from './resize-decide/resize-decide.ts';
export { sgd, type SgdOptions } from './sgd/sgd.ts';
export { adamw, type AdamwOptions } from './adamw/adamw.ts';
export { lerp } from './lerp/lerp.ts';
export { gradientNorm, type GradientNormOptions } from './clip-gradients/gradient-norm.ts';
export { clipGradients, type ClippedGradients } from './clip-gradients/clip-gradients.ts';
