/** The decoder that plain and residual U-Nets share: upsample, join the skip, convolve; a head per resolution. */
import { concat, convTranspose, type Tensor } from '@voxelwise/compute';
import { Parameter, runStage, type Forward } from '../module/module.ts';
import type { Extent, NetworkConfig } from '../network-config.ts';
import { Convolution, ConvolutionBlock } from './convolution-block.ts';

/** A transposed convolution whose kernel is its stride. Weight [in, out, (sz,) sy, sx]. */
class Upsampling {
  readonly weight: Parameter;
  readonly bias?: Parameter;
  readonly #stride: Extent;

  constructor(inChannels: number, outChannels: number, stride: Extent, { convolutionBias, slope }: NetworkConfig) {
    // The reference counts the fan of a transposed kernel over its output channels.
    const fanIn = stride.reduce((product, s) => product * s, outChannels);
    this.weight = new Parameter([inChannels, outChannels, ...stride], { heNormal: { fanIn, slope } });
    if (convolutionBias) this.bias = new Parameter([outChannels], { constant: 0 });
    this.#stride = stride;
  }

  forward(x: Tensor): Tensor {
    return convTranspose({ x, weight: this.weight.value, bias: this.bias?.value }, { stride: this.#stride });
  }
}

/** One step up: `stride` undoes the encoder stage it comes from. */
class DecoderStage {
  readonly up: Upsampling;
  readonly blocks: readonly ConvolutionBlock[];
  readonly head: Convolution;

  constructor(from: number, config: NetworkConfig, depth: number) {
    const { featuresPerStage: features, kernelSizes, slope } = config;
    const [below, here] = [features[from]!, features[from - 1]!];
    const ones = kernelSizes[from - 1]!.map(() => 1);
    const settings = {
      kernel: kernelSizes[from - 1]!,
      stride: ones,
      bias: config.convolutionBias,
      slope,
      epsilon: config.normEpsilon,
      normalization: config.normalization,
    };
    this.up = new Upsampling(below, here, config.strides[from]!, config);
    this.blocks = Array.from(
      { length: depth },
      (_, k) => new ConvolutionBlock(k === 0 ? 2 * here : here, here, settings),
    );
    this.head = new Convolution(here, config.outputChannels, { kernel: ones, stride: ones, bias: true, slope });
  }

  forward(x: Tensor, skip: Tensor, how?: Forward): Tensor {
    let y = concat({ a: this.up.forward(x), b: skip }, { axis: 1 });
    for (const block of this.blocks) y = block.forward(y, how);
    return y;
  }
}

/** Stage 0 is the lowest resolution. Every stage has a head, used or not, as checkpoints do. */
export class Decoder {
  readonly stages: readonly DecoderStage[];

  constructor(config: NetworkConfig) {
    const lowest = config.featuresPerStage.length - 1;
    this.stages = Array.from(
      { length: lowest },
      (_, k) => new DecoderStage(lowest - k, config, config.decoderDepths[k]!),
    );
  }

  /** `skips`: encoder outputs, full resolution first, the bottleneck last. */
  forward(skips: readonly Tensor[], how: Forward = {}): Tensor | readonly Tensor[] {
    let x = skips.at(-1)!;
    const logits: Tensor[] = [];
    this.stages.forEach((stage, k) => {
      x = runStage(how, (below, skip) => stage.forward(below, skip, how), [x, skips[skips.length - 2 - k]!]);
      const last = k === this.stages.length - 1;
      if (last || how.deepSupervision) logits.unshift(stage.head.forward(x));
    });
    return how.deepSupervision ? logits : logits[0]!;
  }
}
