/** Lowers the gradients of weight and bias to the direct kernels. */
import {
  int,
  pointer,
  scratchPointer,
  type KernelCall,
  type LoweringContext,
  type WasmView,
} from '../../devices/wasm/kernel.ts';
import { beginConv, blocksOf, roundUp } from './direct.wasm.ts';
import { product, type ConvGeometry } from './geometry.ts';

/** Blocks of rows there should be, for threads to share; a constant, so that sums do not depend on the threads. */
const LEAST_PIECES = 32;
/** Output voxels per product: as in the kernel. */
const PANEL = 384;
/** Output voxels per piece where the input has few channels. */
const COLUMN_VOXELS = 1024;

export function lowerDirectWeightGradient(
  context: LoweringContext<unknown>,
  g: ConvGeometry,
  x: WasmView,
  dy: WasmView,
  dw: WasmView,
): KernelCall[] {
  const blocks = blocksOf(g.outputs);
  const taps = product(g.kernel);
  const begin = beginConv(context, 1, undefined, g.outputs);
  const few = x.layout === 'plain';
  const inputBlocks = blocksOf(g.inputs);
  const sizes = [
    g.samples,
    few ? g.inputs : inputBlocks,
    blocks,
    ...g.input,
    ...g.output,
    ...g.kernel,
    ...g.stride,
    ...g.padding,
  ];
  if (!few) {
    const rowBlocks = Math.min(g.samples * g.output[0] * g.output[1], Math.ceil(LEAST_PIECES / inputBlocks));
    const sums = context.scratch(inputBlocks * rowBlocks * blocks * taps * 256);
    const perThread = Math.max(PANEL, g.output[2]) * 32;
    const scratch = context.scratch(perThread * context.threads);
    const strides = [taps * 256, blocks * taps * 256, 32, 256];
    return [
      begin.call,
      {
        kernel: 'conv_weight_gradient',
        args: [
          pointer(x),
          pointer(dy),
          scratchPointer(sums),
          scratchPointer(begin.counters),
          ...sizes.map(int),
          int(rowBlocks),
          scratchPointer(scratch),
          int(perThread),
        ],
      },
      {
        kernel: 'conv_weight_gradient_finish',
        args: [
          scratchPointer(sums),
          pointer(dw),
          ...[rowBlocks, inputBlocks * blocks * taps * 256, g.outputs, g.inputs, taps, ...strides].map(int),
        ],
      },
    ];
  }
  const rows = Math.max(1, Math.min(g.output[1], Math.floor(COLUMN_VOXELS / g.output[2])));
  const pieces = g.samples * g.output[0] * Math.ceil(g.output[1] / rows);
  const padded = roundUp(taps * g.inputs, 4);
  const sums = context.scratch(pieces * blocks * padded * 32);
  const columns = roundUp(
    g.kernel[0] *
      ((rows - 1) * g.stride[1] + g.kernel[1]) *
      ((g.output[2] - 1) * g.stride[2] + g.kernel[2]) *
      g.inputs *
      4,
    64,
  );
  const perThread = columns + roundUp(rows * g.output[2] * padded * 4, 64);
  const scratch = context.scratch(perThread * context.threads);
  const strides = [padded * 32, 0, 32, g.inputs * 32];
  return [
    begin.call,
    {
      kernel: 'conv_weight_gradient_few',
      args: [
        pointer(x),
        pointer(dy),
        scratchPointer(sums),
        scratchPointer(begin.counters),
        ...sizes.map(int),
        int(rows),
        scratchPointer(scratch),
        int(perThread),
        int(columns),
      ],
    },
    {
      kernel: 'conv_weight_gradient_finish',
      args: [
        scratchPointer(sums),
        pointer(dw),
        ...[pieces, blocks * padded * 32, g.outputs, g.inputs, taps, ...strides].map(int),
      ],
    },
  ];
}

/** Voxels per partial sum: as in the kernel. */
const SUM_BLOCK = 1024;

export function lowerBiasGradient(context: LoweringContext<unknown>, dy: WasmView, db: WasmView): KernelCall[] {
  const [samples, channels, ...space] = dy.shape as [number, number, ...number[]];
  const voxels = product(space);
  const blocks = blocksOf(channels);
  const partial = context.scratch(samples * blocks * Math.ceil(voxels / SUM_BLOCK) * 32);
  return [
    {
      kernel: 'conv_bias_gradient',
      args: [pointer(dy), scratchPointer(partial), int(samples), int(blocks), int(voxels)],
    },
    {
      kernel: 'conv_bias_gradient_finish',
      args: [scratchPointer(partial), pointer(db), int(samples), int(channels), int(voxels)],
    },
  ];
}
