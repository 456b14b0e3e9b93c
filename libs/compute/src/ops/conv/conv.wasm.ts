/** Which kernels a convolution, its transpose and its weight gradient run on the WASM device. */
import type { KernelCall, Layout, LoweringContext, WasmView } from '../../devices/wasm/kernel.ts';
import { FEW_CHANNELS, lowerDirect, type ConvProduct } from './direct.wasm.ts';
import type { ConvAlgorithm, ConvGeometry } from './geometry.ts';
import { lowerDirectWeightGradient } from './weight-gradient.wasm.ts';

/** The layout in which kernels take an image of so many channels. */
export const imageLayout = (channels: number): Layout => (channels <= FEW_CHANNELS ? 'plain' : 'blocked');

export function lowerProduct(context: LoweringContext<unknown>, product: ConvProduct, _algorithm: ConvAlgorithm): KernelCall[] {
  return lowerDirect(context, product);
}

export function lowerWeightGradient(context: LoweringContext<unknown>, geometry: ConvGeometry, x: WasmView, dy: WasmView, dw: WasmView, _algorithm: ConvAlgorithm): KernelCall[] {
  return lowerDirectWeightGradient(context, geometry, x, dy, dw);
}
