/** Resampling axis after axis on the WebGPU device. */
import { cutTogether } from '../../devices/webgpu/cuts.ts';
import {
  f32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuScratch,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/resample-axis.ts';
import { sizeOf, type Shape } from '../../tensor/spec.ts';
import { selection, type AxisWeights } from './axis-weights.ts';
import { inOrder } from './resample-axes.ts';

export function gpuResample<R>(
  matricesOf: (x: Shape, y: Shape, options: R) => readonly AxisWeights[],
  input = 'x',
): WebGpuKernel<R> {
  return {
    halves: 'all',
    cuts: (call) => cutTogether(call, [0, 1], [input]),
    lower: ({ inputs, outputs: [y], options, scratch }) => {
      const x = inputs[input]!;
      return resampleDispatches(
        { buffer: x },
        { buffer: y! },
        x.shape,
        matricesOf(x.shape, y!.shape, options),
        scratch,
      );
    },
  };
}

/** A buffer from one of its elements on. */
export interface GpuRange {
  readonly buffer: GpuView | GpuScratch;
  /** In elements. Default 0. */
  readonly start?: number;
}

/** Resamples [N, C, ...space] at `x` to `y`, with a matrix per spatial axis; where all are the identity it copies. */
export function resampleDispatches(
  x: GpuRange,
  y: GpuRange,
  shape: Shape,
  matrices: readonly AxisWeights[],
  scratch: (bytes: number) => GpuScratch,
): Dispatch[] {
  const changing = inOrder(matrices);
  const last = shape.length - 1;
  const steps =
    changing.length > 0 ? changing : [{ axis: last, matrix: selection(shape[last]!, [...Array(shape[last]).keys()]) }];
  let from = x;
  let now = shape;
  return steps.map(({ axis, matrix }, k): Dispatch => {
    const next = now.map((n, j) => (j === axis ? matrix.to : n));
    const to = k === steps.length - 1 ? y : { buffer: scratch(sizeOf(next) * 4) };
    const { rows, columns, weights } = matrix;
    const sizes = [sizeOf(now.slice(0, axis)), matrix.from, matrix.to, sizeOf(now.slice(axis + 1)), weights.length];
    const dispatch: Dispatch = {
      shader,
      types: { X: storageOf(from.buffer), Y: storageOf(to.buffer) },
      bindings: [from.buffer, { table: [...[...rows, ...columns].map(u32), ...[...weights].map(f32)] }, to.buffer],
      uniforms: [...sizes, from.start ?? 0, to.start ?? 0, 0].map(u32),
      workgroups: linearGroups(sizeOf(next), 64),
    };
    from = to;
    now = next;
    return dispatch;
  });
}

function storageOf(buffer: GpuView | GpuScratch): GpuView['storage'] {
  return 'storage' in buffer ? buffer.storage : 'f32';
}
