/** Pointwise rows on the WASM device: flat runs where shapes agree, rows where an input broadcasts; either layout. */
import {
  float,
  int,
  pointer,
  type KernelCall,
  type Layout,
  type WasmKernel,
  type WasmView,
} from '../../devices/wasm/kernel.ts';
import { BLOCK, canBeBlocked, storedBytes } from '../../devices/wasm/layouts.ts';
import { sameShape, sizeOf, type Shape, type TensorSpec } from '../../tensor/spec.ts';
import { broadcastStrides, collapseAxes } from './broadcast.ts';
import type { PointwiseRow } from './rows.ts';

/** Rows for which a kernel exists that keeps one block of channel values in registers. */
const CHANNEL_KERNELS: ReadonlySet<string> = new Set(['add', 'sub', 'mul', 'div']);

export function unaryKernel<R>(row: PointwiseRow<R>): WasmKernel<R> {
  return {
    layouts: ({ inputs }) => ({ inputs: { x: inputs['x']!.layout }, outputs: [inputs['x']!.layout] }),
    lower: ({ inputs, outputs: [y], options }) => [
      {
        kernel: `pointwise_${row.kernel}`,
        args: [pointer(inputs['x']!), pointer(y), int(words(y)), ...parameters(row, options)],
      },
      ...zeroPadding(y, row.keepsZero),
    ],
  };
}

export function binaryKernel<R>(row: PointwiseRow<R>): WasmKernel<R> {
  return {
    layouts: ({ inputs, outputs: [y] }) => {
      const a = inputs['a']!;
      const b = inputs['b']!;
      const blocked =
        (a.layout === 'blocked' && sameShape(a.shape, y.shape)) ||
        (b.layout === 'blocked' && sameShape(b.shape, y.shape));
      if (!blocked || !fits(a, y) || !fits(b, y)) return { inputs: { a: 'plain', b: 'plain' }, outputs: ['plain'] };
      return { inputs: { a: layoutBeside(a, y), b: layoutBeside(b, y) }, outputs: ['blocked'] };
    },
    lower: ({ inputs, outputs: [y], options }) => {
      const a = inputs['a']!;
      const b = inputs['b']!;
      const settings = parameters(row, options);
      const padding = zeroPadding(y, row.keepsZero && sameShape(a.shape, b.shape));
      const channels =
        y.layout === 'blocked' && CHANNEL_KERNELS.has(row.kernel) ? channelCall(row, a, b, y, settings) : undefined;
      return [channels ?? rowsCall(row, a, b, y, settings), ...padding];
    },
  };
}

/** Whether an input can take part in a blocked result: stored blocked with its channels, or without channels. */
function fits(input: TensorSpec, y: TensorSpec): boolean {
  if (input.shape.length !== y.shape.length) return sizeOf(input.shape) === 1;
  return input.shape[1] === 1 || (input.shape[1] === y.shape[1] && canBeBlocked(input));
}

function layoutBeside(input: TensorSpec, y: TensorSpec): Layout {
  return input.shape.length === y.shape.length &&
    input.shape[1] === y.shape[1] &&
    !(y.shape[1] === 1 && !sameShape(input.shape, y.shape))
    ? 'blocked'
    : 'plain';
}

/** The shape of what is stored: channels in blocks of 8 innermost. */
function storedShape(view: WasmView, rank: number): Shape {
  if (view.layout === 'plain') return rank > view.shape.length ? [...view.shape, 1] : view.shape;
  const [n, c, ...space] = view.shape as [number, number, ...number[]];
  return [n, Math.ceil(c / BLOCK), ...space, BLOCK];
}

function rowsCall<R>(
  row: PointwiseRow<R>,
  a: WasmView,
  b: WasmView,
  y: WasmView,
  settings: KernelCall['args'],
): KernelCall {
  const full = y.layout === 'blocked' ? storedShape(y, 0) : y.shape;
  const own = (view: WasmView): Shape =>
    y.layout === 'plain' || view.layout === 'blocked'
      ? storedShape(view, 0)
      : sizeOf(view.shape) === 1
        ? []
        : [...view.shape, 1];
  const axes = collapseAxes(full, [broadcastStrides(own(a), full), broadcastStrides(own(b), full)]);
  const last = axes.at(-1)!;
  const inner = last.strides.every((stride) => stride === 0 || stride === 1)
    ? axes.pop()!
    : { size: 1, strides: [0, 0] };
  return {
    kernel: `pointwise_${row.kernel}`,
    args: [
      pointer(a),
      pointer(b),
      pointer(y),
      int(words(y)),
      int(inner.size),
      int(inner.strides[0]),
      int(inner.strides[1]),
      int(axes.length),
      { words: axes.flatMap((axis) => [int(axis.size), int(axis.strides[0]), int(axis.strides[1])]) },
      ...settings,
    ],
  };
}

/** One input whole, the other one value per (sample and) channel. */
function channelCall<R>(
  row: PointwiseRow<R>,
  a: WasmView,
  b: WasmView,
  y: WasmView,
  settings: KernelCall['args'],
): KernelCall | undefined {
  const swapped = !sameShape(a.shape, y.shape);
  const [whole, other] = swapped ? [b, a] : [a, b];
  if (whole.layout !== 'blocked' || other.layout !== 'blocked' || !sameShape(whole.shape, y.shape)) return undefined;
  const [samples, channels, ...space] = other.shape as [number, number, ...number[]];
  if (channels !== y.shape[1] || sizeOf(space) !== 1 || sizeOf(y.shape.slice(2)) === 1) return undefined;
  const blocks = Math.ceil(channels / BLOCK);
  return {
    kernel: `channels_${row.kernel}`,
    args: [
      pointer(whole),
      pointer(other),
      pointer(y),
      int(y.shape[0] * blocks),
      int(sizeOf(y.shape.slice(2))),
      int(samples * blocks),
      ...settings,
      int(swapped ? 1 : 0),
    ],
  };
}

function parameters<R>(row: PointwiseRow<R>, options: R): KernelCall['args'] {
  const [p, q] = row.parameters?.(options) ?? [0, 0];
  return [float(p), float(q)];
}

/** Stored elements. */
function words(view: WasmView): number {
  return storedBytes(view, view.layout) / 4;
}

/** Puts zeros back into the padding channels where the operation may have made something else of them. */
export function zeroPadding(y: WasmView, kept: boolean): KernelCall[] {
  if (kept || y.layout === 'plain') return [];
  const [samples, channels, ...space] = y.shape as [number, number, ...number[]];
  if (channels % BLOCK === 0) return [];
  return [
    {
      kernel: 'zero_padding',
      args: [pointer(y), int(samples), int(Math.ceil(channels / BLOCK)), int(sizeOf(space)), int(channels % BLOCK)],
    },
  ];
}
