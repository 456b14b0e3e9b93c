/** The networks there are. Adding one is a line. */
import { NetworkError } from '../errors.ts';
import type { Module } from '../module/module.ts';
import type { NetworkConfig } from '../network-config.ts';
import { PlainConvUNet } from './plain-conv-unet/plain-conv-unet.ts';
import { ResidualEncoderUNet } from './residual-encoder-unet/residual-encoder-unet.ts';

const catalogue: Readonly<Record<NetworkConfig['network'], (config: NetworkConfig) => Module>> = {
  PlainConvUNet: (config) => new PlainConvUNet(config),
  ResidualEncoderUNet: (config) => new ResidualEncoderUNet(config),
};

/** Builds a network without numbers; fill it with `initialize` or `loadWeights`. Throws: NetworkError for an unknown name. */
export function buildNetwork(config: NetworkConfig): Module {
  const build = Object.hasOwn(catalogue, config.network) ? catalogue[config.network] : undefined;
  if (build === undefined)
    throw new NetworkError(
      `buildNetwork: no network is called ${config.network}; known are ${Object.keys(catalogue).join(', ')}.`,
      { network: config.network, known: Object.keys(catalogue) },
    );
  return build(config);
}
