/**
 * nnU-Net's ResEnc network: a stem, an encoder of residual blocks, the plain decoder with one convolution per stage.
 *
 * Shape: [N, C, (z,) y, x] → logits [N, K, (z,) y, x]; with deep supervision a list, full resolution first.
 * Source: Isensee et al., "nnU-Net revisited", MICCAI 2024; dynamic-network-architectures, ResidualEncoderUNet.
 */
import type { Tensor } from '@voxelwise/compute';
import { ConvolutionBlock } from '../../blocks/convolution-block.ts';
import { Decoder } from '../../blocks/decoder.ts';
import { ResidualBlock } from '../../blocks/residual-block.ts';
import { runStage, type Forward, type Module } from '../../module/module.ts';
import type { NetworkConfig } from '../../network-config.ts';

export class ResidualEncoderUNet implements Module {
  readonly encoder: {
    readonly stem: ConvolutionBlock;
    readonly stages: readonly { readonly blocks: readonly ResidualBlock[] }[];
  };
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
    const stem = new ConvolutionBlock(config.inputChannels, features[0]!, {
      ...shared,
      kernel: kernelSizes[0]!,
      stride: ones,
    });
    const stages = features.map((width, s) => ({
      blocks: Array.from({ length: config.encoderDepths[s]! }, (_, k) => {
        const before = k > 0 || s === 0 ? width : features[s - 1]!;
        return new ResidualBlock(before, width, {
          ...shared,
          kernel: kernelSizes[s]!,
          stride: k === 0 ? strides[s]! : ones,
        });
      }),
    }));
    this.encoder = { stem, stages };
    this.decoder = new Decoder(config);
  }

  forward(x: Tensor, how?: Forward): Tensor | readonly Tensor[] {
    x = this.encoder.stem.forward(x, how);
    const skips: Tensor[] = [];
    for (const stage of this.encoder.stages) {
      x = runStage(how, (input) => stage.blocks.reduce((y, block) => block.forward(y, how), input), [x]);
      skips.push(x);
    }
    return this.decoder.forward(skips, how);
  }
}
