/** Copies between strided views: what slices, pads, flips, permutations and joins are made of. */
import { float, int, type KernelArgument, type KernelCall, type WasmView } from '../../devices/wasm/kernel.ts';
import { BLOCK, storedBytes } from '../../devices/wasm/layouts.ts';
import { bytesPerElement, stridesOf, type Shape } from '../../tensor/spec.ts';
import { collapseAxes } from '../pointwise/broadcast.ts';

/** A tensor's storage as an array of elements: 32-byte groups of 8 channels where it is blocked. */
export interface StoredArray {
  readonly shape: Shape;
  /** In bytes. */
  readonly strides: readonly number[];
  readonly elementBytes: number;
}

export function storedArray(view: WasmView): StoredArray {
  const blocked = view.layout === 'blocked';
  const shape = blocked ? [view.shape[0], Math.ceil(view.shape[1] / BLOCK), ...view.shape.slice(2)] : view.shape;
  const elementBytes = blocked ? 4 * BLOCK : bytesPerElement(view.dtype);
  return { shape, strides: stridesOf(shape).map((stride) => stride * elementBytes), elementBytes };
}

/** One pass over `shape` elements; strides in bytes, negative ones allowed. */
export function stridedCopy(
  from: KernelArgument,
  to: KernelArgument,
  elementBytes: number,
  shape: Shape,
  fromStrides: readonly number[],
  toStrides: readonly number[],
): KernelCall {
  const axes = collapseAxes(shape, [fromStrides, toStrides]);
  // A transposition runs in tiles if the axis along which the source is contiguous comes last but one.
  const last = axes.at(-1)!;
  const contiguous = axes.findIndex((axis) => axis.strides[0] === elementBytes);
  if (last.strides[0] !== elementBytes && contiguous >= 0)
    axes.splice(axes.length - 2, 0, ...axes.splice(contiguous, 1));
  return {
    kernel: 'copy_strided',
    args: [
      from,
      to,
      int(elementBytes),
      int(axes.length),
      { words: axes.flatMap((axis) => [int(axis.size), int(axis.strides[0]), int(axis.strides[1])]) },
    ],
  };
}

/** Sets all elements; the padding channels of a blocked tensor too. */
export function fillCall(to: KernelArgument, view: WasmView, value: number): KernelCall {
  const whole = Math.trunc(value);
  const pattern =
    view.dtype === 'u8' ? int((whole & 255) * 0x01010101) : view.dtype === 'i32' ? int(whole) : float(value);
  return { kernel: 'fill_words', args: [to, int(storedBytes(view, view.layout)), pattern] };
}
