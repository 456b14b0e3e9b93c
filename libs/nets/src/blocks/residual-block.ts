/** The residual block of nnU-Net's ResEnc family: two convolutions beside a shortcut. Source: He 2016, variant D (average pooling in the shortcut). */
import { add, avgPool, leakyRelu, type Tensor } from '@voxelwise/compute';
import type { Forward } from '../module/module.ts';
import {
  Convolution,
  ConvolutionBlock,
  makeNormalization,
  type BlockSettings,
  type Normalization,
} from './convolution-block.ts';
import type { BatchNormalization } from './batch-normalization.ts';

interface Normalized {
  readonly conv: Convolution;
  readonly norm: Normalization | BatchNormalization;
}

/**
 * y = leaky(norm(conv(leaky(norm(conv(x))))) + shortcut(x)). The shortcut pools where the block strides and projects
 * (1×1, no bias, normalized) where channels change. The second norm starts at zero, so that the block starts as its shortcut.
 */
export class ResidualBlock {
  readonly conv1: ConvolutionBlock;
  readonly conv2: Normalized;
  readonly shortcut?: Normalized;
  readonly #stride: readonly number[];
  readonly #slope: number;

  constructor(inChannels: number, outChannels: number, settings: BlockSettings) {
    const ones = settings.stride.map(() => 1);
    this.conv1 = new ConvolutionBlock(inChannels, outChannels, settings);
    this.conv2 = {
      conv: new Convolution(outChannels, outChannels, { ...settings, stride: ones }),
      norm: makeNormalization(outChannels, settings, 0),
    };
    if (inChannels !== outChannels) {
      const projection = { kernel: ones, stride: ones, bias: false, slope: settings.slope };
      this.shortcut = {
        conv: new Convolution(inChannels, outChannels, projection),
        norm: makeNormalization(outChannels, settings),
      };
    }
    this.#stride = settings.stride;
    this.#slope = settings.slope;
  }

  forward(x: Tensor, how?: Forward): Tensor {
    const path = this.conv2.norm.forward(this.conv2.conv.forward(this.conv1.forward(x, how)), undefined, how);
    let beside = x;
    if (this.#stride.some((s) => s > 1))
      beside = avgPool(
        { x: beside },
        { kernel: this.#stride, stride: this.#stride, padding: this.#stride.map(() => 0) },
      );
    if (this.shortcut) beside = this.shortcut.norm.forward(this.shortcut.conv.forward(beside), undefined, how);
    return leakyRelu({ x: add({ a: path, b: beside }) }, { slope: this.#slope });
  }
}
