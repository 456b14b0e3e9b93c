/** One channel after another through the same scratch memory, and the decision so far. */
import { i32, linearGroups, u32, type Dispatch, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/keep-greatest.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { rangesOf, resizeDispatches } from '../resize-spline/resize-spline.webgpu.ts';
import type { ResizeDecideOptions } from './resize-decide.ts';

export const webgpu: WebGpuKernel<ResizeDecideOptions> = {
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
          {
            shader,
            constants: { REGIONS: options.regions !== null },
            bindings: [one, best, y!],
            uniforms: [u32(voxels), i32(options.regions?.[k] ?? k), u32(k === 0 ? 1 : 0), u32(0)],
            workgroups: linearGroups(voxels, 64),
          },
        ];
      }).flat(),
    ];
  },
};

function reuse<S>(scratch: (bytes: number) => S): { readonly scratch: (bytes: number) => S; again(): void } {
  const made: S[] = [];
  let next = 0;
  return {
    scratch: (bytes) => (made[next++] ??= scratch(bytes)),
    again: () => (next = 0),
  };
}
