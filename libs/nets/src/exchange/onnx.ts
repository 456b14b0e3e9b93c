/**
 * Networks of the catalogue as ONNX files: `image` [batch, C, (z,) y, x] → `logits` [batch, K, (z,) y, x] of the full
 * resolution, any batch and any extent that the strides divide.
 */
import { NetworkError, WeightsError } from '../errors.ts';
import type { NamedArray, Weights } from '../module/weights.ts';
import type { Extent, NetworkConfig } from '../network-config.ts';
import { OnnxGraph } from './onnx-graph.ts';

/** The bytes of an ONNX file. Throws: NetworkError for a network that is not of the catalogue, WeightsError for missing weights. */
export function encodeOnnx(
  config: NetworkConfig,
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const writer = new NetworkWriter(config, weights);
  writer.decode(writer.encode('image'));
  const axes = config.kernelSizes[0]!.length === 2 ? ['y', 'x'] : ['z', 'y', 'x'];
  const { inputChannels, outputChannels } = config;
  return writer.graph.encode(
    config.network,
    ['batch', inputChannels, ...axes],
    ['batch', outputChannels, ...axes],
    metadata,
  );
}

class NetworkWriter {
  readonly graph = new OnnxGraph();
  readonly #config: NetworkConfig;
  readonly #weights: Weights;

  constructor(config: NetworkConfig, weights: Weights) {
    this.#config = config;
    this.#weights = weights;
  }

  /** Outputs of the stages, full resolution first. */
  encode(image: string): readonly string[] {
    const { network, strides, encoderDepths } = this.#config;
    if (network !== 'PlainConvUNet' && network !== 'ResidualEncoderUNet')
      throw new NetworkError(`encodeOnnx: no network is called ${String(network)}.`, { network });
    const residual = network === 'ResidualEncoderUNet';
    let x = residual ? this.#block('encoder.stem', image, ones(strides[0]!)) : image;
    return strides.map((stride, stage) => {
      for (let k = 0; k < encoderDepths[stage]!; k++) {
        const path = `encoder.stages.${stage}.blocks.${k}`;
        const here = k === 0 ? stride : ones(stride);
        x = residual ? this.#residualBlock(path, x, here) : this.#block(path, x, here);
      }
      return x;
    });
  }

  decode(skips: readonly string[]): void {
    const { strides, decoderDepths } = this.#config;
    let x = skips.at(-1)!;
    for (let stage = 0; stage < skips.length - 1; stage++) {
      const path = `decoder.stages.${stage}`;
      const from = skips.length - 1 - stage;
      const stride = strides[from]!;
      const up = this.graph.node('ConvTranspose', [x, ...this.#weighted(`${path}.up`)], {
        kernel_shape: stride,
        strides: stride,
      });
      x = this.graph.node('Concat', [up, skips[from - 1]!], { axis: 1 });
      for (let k = 0; k < decoderDepths[stage]!; k++) x = this.#block(`${path}.blocks.${k}`, x, ones(stride));
    }
    this.#convolution(`decoder.stages.${skips.length - 2}.head`, x, ones(strides[0]!), 'logits');
  }

  /** Convolution, normalization, leaky ReLU. */
  #block(path: string, x: string, stride: Extent): string {
    return this.#leaky(this.#normalized(path, x, stride));
  }

  #residualBlock(path: string, x: string, stride: Extent): string {
    const inner = this.#block(`${path}.conv1`, x, stride);
    const y = this.#normalized(`${path}.conv2`, inner, ones(stride));
    let beside = stride.some((s) => s > 1)
      ? this.graph.node('AveragePool', [x], { kernel_shape: stride, strides: stride })
      : x;
    if (this.#weights.has(`${path}.shortcut.conv.weight`))
      beside = this.#normalized(`${path}.shortcut`, beside, ones(stride));
    return this.#leaky(this.graph.node('Add', [y, beside]));
  }

  #normalized(path: string, x: string, stride: Extent): string {
    const y = this.#convolution(`${path}.conv`, x, stride);
    const norm = (name: string): string => this.#named(`${path}.norm.${name}`);
    if (this.#config.normalization === 'batch')
      return this.graph.node(
        'BatchNormalization',
        [y, ...['weight', 'bias', 'runningMean', 'runningVariance'].map(norm)],
        { epsilon: { float: this.#config.normEpsilon } },
      );
    return this.graph.node('InstanceNormalization', [y, norm('weight'), norm('bias')], {
      epsilon: { float: this.#config.normEpsilon },
    });
  }

  #leaky(x: string): string {
    return this.graph.node('LeakyRelu', [x], { alpha: { float: this.#config.slope } });
  }

  #convolution(path: string, x: string, stride: Extent, output?: string): string {
    const kernel = this.#array(`${path}.weight`).shape.slice(2);
    const padding = kernel.map((k) => (k - 1) >> 1);
    const attributes = { kernel_shape: kernel, strides: stride, pads: [...padding, ...padding] };
    return this.graph.node('Conv', [x, ...this.#weighted(path)], attributes, output);
  }

  /** Weight, and bias where there is one. */
  #weighted(path: string): string[] {
    const bias = `${path}.bias`;
    return [this.#named(`${path}.weight`), ...(this.#weights.has(bias) ? [this.#named(bias)] : [])];
  }

  #named(name: string): string {
    return this.graph.tensor(name, this.#array(name));
  }

  #array(name: string): NamedArray {
    const array = this.#weights.get(name);
    if (array === undefined)
      throw new WeightsError(`encodeOnnx: ${name} is missing; weights and plan belong to different networks.`, {
        name,
      });
    return array;
  }
}

function ones(extent: Extent): Extent {
  return extent.map(() => 1);
}
