/** Every operation, one line each. */
export * from './pointwise/pointwise.ts';
export { resizeSpline, type ResizeSplineOptions } from './resize-spline/resize-spline.ts';
export { resizeLabels, type ResizeLabelsOptions } from './resize-labels/resize-labels.ts';
export { reindex, type AxisMap, type Boundary, type ReindexOptions } from './reindex/reindex.ts';
export { statistics, STATISTICS } from './statistics/statistics.ts';
export {
  rescaleIntensity,
  type RescaleIntensityOptions,
  type Rescaling,
} from './rescale-intensity/rescale-intensity.ts';
export { components, type ComponentsOptions } from './components/components.ts';
export { boundingBox, fillHoles, labelOutside, nonzeroMask, rangeMask } from './masks/masks.ts';
export { addWindow, type AddWindowInputs, type AddWindowOptions } from './window-sums/add-window.ts';
export { takeSlab } from './window-sums/take-slab.ts';
export type { TakeSlabOptions } from './window-sums/slab-runs.ts';
export { decideLabels, type DecideLabelsOptions } from './decide-labels/decide-labels.ts';
export { resizeDecide, type ResizeDecideOptions } from './resize-decide/resize-decide.ts';
export { sgd, type SgdOptions } from './sgd/sgd.ts';
export { adamw, type AdamwOptions } from './adamw/adamw.ts';
export { lerp } from './lerp/lerp.ts';
export { gradientNorm, type GradientNormOptions } from './clip-gradients/gradient-norm.ts';
export { clipGradients, type ClippedGradients } from './clip-gradients/clip-gradients.ts';
export { conv } from './conv/conv.ts';
export {
  convBiasGradient,
  convInputGradient,
  convWeightGradient,
  type ConvInputGradientOptions,
  type ConvWeightGradientOptions,
} from './conv/conv-gradients.ts';
export type { ConvAlgorithm, ConvOptions } from './conv/geometry.ts';
export { convTranspose, type ConvTransposeOptions } from './conv-transpose/conv-transpose.ts';
export {
  instanceNorm,
  instanceNormGradient,
  instanceNormWithMoments,
  type InstanceNormOptions,
} from './instance-norm/instance-norm.ts';
export { layerNorm, layerNormWithMoments, type LayerNormOptions } from './layer-norm/layer-norm.ts';
export { cast, type CastOptions } from './cast/cast.ts';
export { concat, type ConcatOptions } from './concat/concat.ts';
export { expand, type ExpandOptions } from './expand/expand.ts';
export { flip, type FlipOptions } from './flip/flip.ts';
export { pad, type PadOptions } from './pad/pad.ts';
export { permute, type PermuteOptions } from './permute/permute.ts';
export { max, mean, min, sum, type ReduceOptions } from './reduce/reduce.ts';
export { reshape, type ReshapeOptions } from './reshape/reshape.ts';
export { slice, type SliceOptions } from './slice/slice.ts';
export { logSoftmax, softmax, type SoftmaxOptions } from './softmax/softmax.ts';
export { where } from './where/where.ts';
export { sampleAffine, type SampleAffineOptions } from './sample-affine/sample-affine.ts';
export { gaussianNoise, type GaussianNoiseOptions } from './gaussian-noise/gaussian-noise.ts';
export { blur, type BlurOptions } from './blur/blur.ts';
export { contrast, type ContrastOptions } from './contrast/contrast.ts';
export { gamma, type GammaOptions } from './gamma/gamma.ts';
export { lowResolution, type LowResolutionOptions } from './low-resolution/low-resolution.ts';
export { remapLabels, type RemapLabelsOptions } from './remap-labels/remap-labels.ts';
export {
  crossEntropy,
  diceCrossEntropy,
  diceCrossEntropyWithSums,
  softDice,
  type DiceCrossEntropyInputs,
} from './dice-cross-entropy/dice-cross-entropy.ts';
export type { DiceCrossEntropyOptions } from './dice-cross-entropy/options.ts';
export {
  diceBinaryCrossEntropy,
  diceBinaryCrossEntropyWithSums,
  type DiceBinaryCrossEntropyInputs,
  type DiceBinaryCrossEntropyOptions,
} from './dice-binary-cross-entropy/dice-binary-cross-entropy.ts';
export { voxelCrossEntropy, type VoxelCrossEntropyOptions } from './voxel-cross-entropy/voxel-cross-entropy.ts';
export { topMean, type TopMeanOptions } from './top-mean/top-mean.ts';
export { distance, type DistanceOptions } from './distance/distance.ts';
export { percentiles, type PercentilesOptions } from './percentiles/percentiles.ts';
export { histogram, type HistogramOptions } from './histogram/histogram.ts';
export { histogramEdges } from './histogram/edges.ts';
export { splineCoefficients } from './spline-coefficients/spline-coefficients.ts';
export { argmax, type ArgmaxOptions } from './argmax/argmax.ts';
export { oneHot, type OneHotOptions } from './one-hot/one-hot.ts';
export { resize, type ResizeOptions } from './resize/resize.ts';
export type { ResizeMode } from './resample-axis/axis-weights.ts';
export { avgPool, maxPool, type PoolOptions } from './pool/pool.ts';
export { attention, attentionWithSums, type AttentionInputs } from './attention/attention.ts';
export type { AttentionOptions } from './attention/options.ts';
export { matmul, type MatmulOptions } from './matmul/matmul.ts';
