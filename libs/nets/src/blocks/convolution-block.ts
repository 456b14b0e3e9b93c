/** Convolution, normalization, leaky ReLU: the brick of nnU-Net's networks. */
import { conv, instanceNorm, type Tensor } from '@voxelwise/compute';
import { Parameter, type Forward } from '../module/module.ts';
import type { Extent, NetworkConfig } from '../network-config.ts';
import { BatchNormalization } from './batch-normalization.ts';

export interface ConvolutionSettings {
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly bias: boolean;
  /** Of the activation that follows; shapes the starting numbers. */
  readonly slope: number;
}

/** A convolution that keeps the extent at stride 1: padding (k - 1) / 2. Weight [out, in, (kz,) ky, kx]. */
export class Convolution {
  readonly weight: Parameter;
  readonly bias?: Parameter;
  readonly #stride: Extent;
  readonly #padding: Extent;

  constructor(inChannels: number, outChannels: number, { kernel, stride, bias, slope }: ConvolutionSettings) {
    const taps = kernel.reduce((product, k) => product * k, 1);
    this.weight = new Parameter([outChannels, inChannels, ...kernel], {
      heNormal: { fanIn: inChannels * taps, slope },
    });
    if (bias) this.bias = new Parameter([outChannels], { constant: 0 });
    this.#stride = stride;
    this.#padding = kernel.map((k) => (k - 1) >> 1);
  }

  forward(x: Tensor): Tensor {
    return conv(
      { x, weight: this.weight.value, bias: this.bias?.value },
      { stride: this.#stride, padding: this.#padding },
    );
  }
}

/** Instance normalization with learned scale and shift; the leaky ReLU after it is fused where `slope` is given. */
export class Normalization {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #epsilon: number;

  constructor(channels: number, epsilon: number, start = 1) {
    this.weight = new Parameter([channels], { constant: start });
    this.bias = new Parameter([channels], { constant: 0 });
    this.#epsilon = epsilon;
  }

  forward(x: Tensor, slope?: number): Tensor {
    const options = slope === undefined ? { epsilon: this.#epsilon } : { epsilon: this.#epsilon, slope };
    return instanceNorm({ x, scale: this.weight.value, shift: this.bias.value }, options);
  }
}

export interface NormalizationSettings {
  readonly epsilon: number;
  readonly normalization: NetworkConfig['normalization'];
}

/** `start`: of the scale. */
export function makeNormalization(
  channels: number,
  { epsilon, normalization }: NormalizationSettings,
  start = 1,
): Normalization | BatchNormalization {
  return normalization === 'batch'
    ? new BatchNormalization(channels, epsilon, start)
    : new Normalization(channels, epsilon, start);
}

export interface BlockSettings extends ConvolutionSettings, NormalizationSettings {}

/** conv → norm → leaky ReLU. */
export class ConvolutionBlock {
  readonly conv: Convolution;
  readonly norm: Normalization | BatchNormalization;
  readonly #slope: number;

  constructor(inChannels: number, outChannels: number, settings: BlockSettings) {
    this.conv = new Convolution(inChannels, outChannels, settings);
    this.norm = makeNormalization(outChannels, settings);
    this.#slope = settings.slope;
  }

  forward(x: Tensor, how?: Forward): Tensor {
    return this.norm.forward(this.conv.forward(x), this.#slope, how);
  }
}
