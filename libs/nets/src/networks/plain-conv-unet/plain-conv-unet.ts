/**
 * nnU-Net's default network: a U-Net of plain convolution blocks, strided instead of pooled.
 *
 * Shape: [N, C, (z,) y, x] → logits [N, K, (z,) y, x]; with deep supervision a list, full resolution first.
 * Source: Isensee et al., Nat. Methods 18 (2021); dynamic-network-architectures, PlainConvUNet.
 */
import type { Tensor } from '@voxelwise/compute';
import { ConvolutionBlock } from '../../blocks/convolution-block.ts';
import { Decoder } from '../../blocks/decoder.ts';
import { runStage, type Forward, type Module } from '../../module/module.ts';
import type { NetworkConfig } from '../../network-config.ts';

export class PlainConvUNet implements Module {
  readonly encoder: { readonly stages: readonly { readonly blocks: readonly ConvolutionBlock[] }[] };
  readonly decoder: Decoder;

  constructor(config: NetworkConfig) {
    const { featuresPerStage: features, kernelSizes, strides } = config;
    const shared = {
      bias: config.convolutionBias,
      slope: config.slope,
      epsilon: config.normEpsilon,
      normalization: config.normalization,
    };
    const ones = kernelSizes[0]!.map(() => 1);
    const stages = features.map((width, s) => ({
      blocks: Array.from({ length: config.encoderDepths[s]! }, (_, k) => {
        const before = k > 0 ? width : s > 0 ? features[s - 1]! : config.inputChannels;
        return new ConvolutionBlock(before, width, {
          ...shared,
          kernel: kernelSizes[s]!,
          stride: k === 0 ? strides[s]! : ones,
        });
      }),
    }));
    this.encoder = { stages };
    this.decoder = new Decoder(config);
  }

  forward(x: Tensor, how?: Forward): Tensor | readonly Tensor[] {
    const skips: Tensor[] = [];
    for (const stage of this.encoder.stages) {
      x = runStage(how, (input) => stage.blocks.reduce((y, block) => block.forward(y, how), input), [x]);
      skips.push(x);
    }
    return this.decoder.forward(skips, how);
  }
}
