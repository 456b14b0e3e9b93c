/** Which kernels a convolution, its transpose and its weight gradient run on the WASM device. */
import type { KernelCall, Layout, LoweringContext, WasmVariant, WasmView } from '../../devices/wasm/kernel.ts';
import { candidatesFor, chooseAlgorithm, TILES, type ChosenAlgorithm, type ConvTask } from './choose.ts';
import { FEW_CHANNELS, lowerDirect, type ConvProduct } from './direct.wasm.ts';
import type { ConvAlgorithm, ConvGeometry } from './geometry.ts';
import { lowerDirectWeightGradient } from './weight-gradient.wasm.ts';
import { lowerWinogradWeightGradient } from './winograd-weight-gradient.wasm.ts';
import { lowerWinograd } from './winograd.wasm.ts';

/** The layout in which kernels take an image of so many channels. */
export const imageLayout = (channels: number): Layout => (channels <= FEW_CHANNELS ? 'plain' : 'blocked');

/** Few channels come in plain layout, which only the direct kernel reads. */
export function productAlgorithm(g: ConvGeometry, transposed: boolean, wanted: ConvAlgorithm): ChosenAlgorithm {
  if (imageLayout(transposed ? g.outputs : g.inputs) === 'plain') return 'direct';
  return chooseAlgorithm(g, transposed ? 'inputGradient' : 'output', wanted);
}

export function lowerProduct(
  context: LoweringContext<unknown>,
  product: ConvProduct,
  wanted: ConvAlgorithm,
): KernelCall[] {
  const algorithm = productAlgorithm(product.geometry, product.transposed, wanted);
  return algorithm === 'direct' ? lowerDirect(context, product) : lowerWinograd(context, product, TILES[algorithm]);
}

export function lowerWeightGradient(
  context: LoweringContext<unknown>,
  geometry: ConvGeometry,
  x: WasmView,
  dy: WasmView,
  dw: WasmView,
  wanted: ConvAlgorithm,
): KernelCall[] {
  const algorithm = x.layout === 'plain' ? 'direct' : chooseAlgorithm(geometry, 'weightGradient', wanted);
  return algorithm === 'direct'
    ? lowerDirectWeightGradient(context, geometry, x, dy, dw)
    : lowerWinogradWeightGradient(context, geometry, x, dy, dw, TILES[algorithm]);
}

/** The algorithms among which `auto` chooses, as options. `channels`: of the image that the kernel takes. */
export function algorithmVariants<R extends { readonly algorithm: ConvAlgorithm }>(
  geometry: ConvGeometry,
  task: ConvTask,
  channels: number,
  options: R,
): WasmVariant<R>[] {
  if (options.algorithm !== 'auto' || imageLayout(channels) === 'plain') return [];
  return candidatesFor(geometry, task).map((algorithm) => ({ name: algorithm, options: { ...options, algorithm } }));
}
