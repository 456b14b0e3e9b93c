/** Resizing by splines on the WebGPU device: sparse sums axis by axis, clipped to the range of what was resized. */
import {
  linearGroups,
  u32,
  type Dispatch,
  type GpuScratch,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import clipShader from '../../generated/wgsl/clip-range.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { gpuReduction } from '../reduce/reduce.webgpu.ts';
import { resampleDispatches, type GpuRange } from '../resample-axis/resample-axes.webgpu.ts';
import type { ResizeSplineOptions } from './resize-spline.ts';
import { splineWeights } from './spline-weights.ts';
import { channelCut } from '../volume-cuts.ts';

type Scratch = (bytes: number) => GpuScratch;

export const webgpu: WebGpuKernel<ResizeSplineOptions> = {
  cuts: (call) => [channelCut(call)],
  lower: ({ inputs, outputs: [y], options, scratch }) => {
    const x = inputs['x']!;
    const ranges = rangesOf(x, options, scratch);
    const channels = { first: 0, count: x.shape[0]! };
    return [...ranges.dispatches, ...resizeDispatches(x, { buffer: y! }, channels, ranges, options, scratch)];
  },
};

/** Least and greatest of every channel, or of every slice of every channel across the separate axis. */
export interface Ranges {
  readonly low: GpuScratch;
  readonly high: GpuScratch;
  readonly dispatches: readonly Dispatch[];
}

export function rangesOf(x: GpuView, { separateAxis }: ResizeSplineOptions, scratch: Scratch): Ranges {
  const axes = [1, 2, 3].filter((axis) => axis !== separateAxis + 1);
  const bytes = 4 * x.shape[0]! * (separateAxis < 0 ? 1 : x.shape[separateAxis + 1]!);
  const low = scratch(bytes);
  const high = scratch(bytes);
  return {
    low,
    high,
    dispatches: [...gpuReduction(x, low, scratch, 'min', axes), ...gpuReduction(x, high, scratch, 'max', axes)],
  };
}

/** Resizes `count` channels of x from the `first` on to `y`. */
export function resizeDispatches(
  x: GpuView,
  y: GpuRange,
  { first, count }: { readonly first: number; readonly count: number },
  ranges: Ranges,
  { shape, order, separateAxis }: ResizeSplineOptions,
  scratch: Scratch,
): Dispatch[] {
  const from = x.shape.slice(1);
  const source = { buffer: x, start: first * sizeOf(from) };
  const apart = separateAxis >= 0;
  const between = shape.map((n, axis) => (axis === separateAxis ? from[axis]! : n));
  const resized = apart ? { buffer: scratch(count * sizeOf(between) * 4) } : y;
  const rows = apart ? from[separateAxis]! : 1;
  const elements = count * sizeOf(between);
  const clip: Dispatch = {
    shader: clipShader,
    bindings: [ranges.low, ranges.high, resized.buffer],
    uniforms: [
      elements,
      rows,
      apart ? sizeOf(between.slice(separateAxis + 1)) : sizeOf(between),
      sizeOf(between),
      first * rows,
      resized.start ?? 0,
      order === 3 ? 1 : 0,
      0x7fc00000,
    ].map(u32),
    workgroups: linearGroups(elements, 64),
  };
  const plane = from.map((n, axis) => splineWeights(n, between[axis]!, order));
  const dispatches = [...resampleDispatches(source, resized, [1, count, ...from], plane, scratch), clip];
  if (!apart) return dispatches;
  const slices = between.map((n, axis) => splineWeights(n, shape[axis]!, 0));
  return [...dispatches, ...resampleDispatches(resized, y, [1, count, ...between], slices, scratch)];
}
