/** One channel after another through the same scratch memory, and the decision so far. */
import { cutTogether } from '../../devices/webgpu/cuts.ts';
import {
  i32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuScratch,
  type GpuStage,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/keep-greatest.ts';
import { sizeOf, type TensorSpec } from '../../tensor/spec.ts';
import { rangesOf, resizeDispatches, webgpu as resizeKernel } from '../resize-spline/resize-spline.webgpu.ts';
import type { ResizeDecideOptions } from './resize-decide.ts';

export const webgpu: WebGpuKernel<ResizeDecideOptions> = {
  // Channel by channel too; what is kept of them is compared in parts.
  stages: ({ inputs: { logits }, options }) => {
    const [channels, ...space] = logits!.shape as [number, ...number[]];
    const one: TensorSpec = { shape: [1, ...options.shape], dtype: 'f32' };
    const best: TensorSpec = { shape: [1, ...options.shape], dtype: 'f32' };
    return Array.from({ length: channels }, (_, channel): GpuStage[] => [
      {
        kernel: resizeKernel,
        options,
        inputs: { x: { of: 'logits', box: { begin: [channel, 0, 0, 0], shape: [1, ...space] } } },
        outputs: [{ of: one }],
      },
      {
        kernel: keepKernel,
        options: { channel, regions: options.regions },
        inputs: { one: { of: one }, best: { of: best }, y: { of: 0 } },
        outputs: [],
        mutates: ['best', 'y'],
      },
    ]).flat();
  },
  lower: ({ inputs, outputs: [y], options, scratch }) => {
    const logits = inputs['logits']!;
    const voxels = sizeOf(options.shape);
    const ranges = rangesOf(logits, options, scratch);
    const one = scratch(voxels * 4);
    const best = scratch(voxels * 4);
    // Every channel takes the memory that the first one asked for.
    const reused = reuse(scratch);
    return [
      ...ranges.dispatches,
      ...Array.from({ length: logits.shape[0]! }, (_, k): Dispatch[] => {
        reused.again();
        return [
          ...resizeDispatches(logits, { buffer: one }, { first: k, count: 1 }, ranges, options, reused.scratch),
          keepDispatch(one, best, y!, voxels, { channel: k, regions: options.regions }),
        ];
      }).flat(),
    ];
  },
};

interface Keeping {
  readonly channel: number;
  readonly regions: readonly number[] | null;
}

const keepKernel: WebGpuKernel<Keeping> = {
  cuts: (call) => cutTogether(call, [1, 2, 3], ['one', 'best', 'y']),
  lower: ({ inputs, options }) => {
    const { one, best, y } = inputs as Record<'one' | 'best' | 'y', GpuView>;
    return [keepDispatch(one, best, y, sizeOf(y.shape), options)];
  },
};

function keepDispatch(
  one: GpuView | GpuScratch,
  best: GpuView | GpuScratch,
  y: GpuView,
  voxels: number,
  { channel, regions }: Keeping,
): Dispatch {
  return {
    shader,
    constants: { REGIONS: regions !== null },
    bindings: [one, best, y],
    uniforms: [u32(voxels), i32(regions?.[channel] ?? channel), u32(channel === 0 ? 1 : 0), u32(0)],
    workgroups: linearGroups(voxels, 64),
  };
}

function reuse<S>(scratch: (bytes: number) => S): { readonly scratch: (bytes: number) => S; again(): void } {
  const made: S[] = [];
  let next = 0;
  return {
    scratch: (bytes) => (made[next++] ??= scratch(bytes)),
    again: () => (next = 0),
  };
}
