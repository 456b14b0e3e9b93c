/** Which kernels a convolution, its transpose and its weight gradient run on the WASM device. */
import type { KernelCall, Layout, LoweringContext, WasmView } from '../../devices/wasm/kernel.ts';
import { FEW_CHANNELS, lowerDirect, type ConvProduct } from './direct.wasm.ts';
import type { ConvAlgorithm, ConvGeometry } from './geometry.ts';
import { lowerDirectWeightGradient } from './weight-gradient.wasm.ts';
import { lowerWinograd, lowerWinogradWeightGradient, winogradFits } from './winograd.wasm.ts';

/** The layout in which kernels take an image of so many channels. */
export const imageLayout = (channels: number): Layout => (channels <= FEW_CHANNELS ? 'plain' : 'blocked');

type Chosen = Exclude<ConvAlgorithm, 'auto'>;
export type ConvTask = 'output' | 'inputGradient' | 'weightGradient';

/** Channels below which transforms cost more than they save, per algorithm. */
const LEAST_CHANNELS = 8;

/**
 * The algorithm that computes a task, asked for or chosen: a pure function of the sizes. An algorithm that does not fit
 * (strides, other kernels, an image in plain layout) falls back to the direct one, which computes the same.
 */
export function chooseAlgorithm(g: ConvGeometry, task: ConvTask, wanted: ConvAlgorithm, layout: Layout): Chosen {
  if (wanted === 'direct' || layout === 'plain' || !winogradFits(g)) return 'direct';
  if (wanted !== 'auto') return wanted;
  if (Math.min(g.inputs, g.outputs) < LEAST_CHANNELS) return 'direct';
  const plane = task === 'inputGradient' ? g.input : g.output;
  // Tiles of 4 x 4 do 36 products for 16 outputs; where most of a tile hangs over the edge, smaller ones or none do less.
  const work = (m: number): number => ((Math.ceil(plane[1] / m) * Math.ceil(plane[2] / m) * (m + 2) ** 2) / (plane[1] * plane[2])) as number;
  const [four, two] = [work(4), work(2)];
  if (Math.min(four, two) > 6) return 'direct';
  return four <= two ? 'F4' : 'F2';
}

export function lowerProduct(context: LoweringContext<unknown>, product: ConvProduct, wanted: ConvAlgorithm): KernelCall[] {
  const algorithm = chooseAlgorithm(product.geometry, product.transposed ? 'inputGradient' : 'output', wanted, product.from.layout);
  return algorithm === 'direct' ? lowerDirect(context, product) : lowerWinograd(context, product, algorithm === 'F4' ? 4 : 2);
}

export function lowerWeightGradient(context: LoweringContext<unknown>, geometry: ConvGeometry, x: WasmView, dy: WasmView, dw: WasmView, wanted: ConvAlgorithm): KernelCall[] {
  const algorithm = chooseAlgorithm(geometry, 'weightGradient', wanted, x.layout);
  return algorithm === 'direct' ? lowerDirectWeightGradient(context, geometry, x, dy, dw) : lowerWinogradWeightGradient(context, geometry, x, dy, dw, algorithm === 'F4' ? 4 : 2);
}
