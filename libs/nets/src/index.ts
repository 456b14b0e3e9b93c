/** Networks as readable modules, their weights' names, their export. */
export { NetworkError, WeightsError } from './errors.ts';
export {
  Parameter,
  parameterCount,
  parametersOf,
  runStage,
  type BatchStatistics,
  type Forward,
  type Module,
  type Start,
} from './module/module.ts';
export { initialize, startingNumbers } from './module/initialize.ts';
export { disposeWeights, loadWeights, readWeights, type NamedArray, type Weights } from './module/weights.ts';
export { networkConfig, type Extent, type NetworkConfig } from './network-config.ts';
export {
  Convolution,
  ConvolutionBlock,
  Normalization,
  type BlockSettings,
  type ConvolutionSettings,
} from './blocks/convolution-block.ts';
export { ResidualBlock } from './blocks/residual-block.ts';
export { Decoder } from './blocks/decoder.ts';
export { buildNetwork } from './networks/catalogue.ts';
export { PlainConvUNet } from './networks/plain-conv-unet/plain-conv-unet.ts';
export { ResidualEncoderUNet } from './networks/residual-encoder-unet/residual-encoder-unet.ts';
export {
  referenceName,
  stateDictEntries,
  stateDictFromWeights,
  weightsFromStateDict,
  type StateDictEntry,
} from './networks/state-dict.ts';
export { moveStatistics } from './blocks/batch-normalization.ts';
export { encodeNetworkOnnx, encodeOnnx, type OnnxOptions } from './exchange/onnx.ts';
