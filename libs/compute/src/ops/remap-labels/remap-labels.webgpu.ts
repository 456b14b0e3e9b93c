/** Lowering to one dispatch; an empty table still binds one pair. */
import { i32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/remap-labels.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { RemapLabelsOptions } from './remap-labels.ts';
import { cutPointwise } from '../../devices/webgpu/cuts.ts';

export const webgpu: WebGpuKernel<RemapLabelsOptions> = {
  cuts: (call) => cutPointwise(call),
  lower: ({ inputs: { labels }, outputs: [y], options: { from, to, rest } }) => {
    const pairs = from.flatMap((label, k) => [i32(label), i32(to[k]!)]);
    return [
      {
        shader,
        bindings: [labels!, { table: pairs.length > 0 ? pairs : [i32(0), i32(0)] }, y!],
        uniforms: [u32(sizeOf(labels!.shape)), u32(from.length), u32(rest === null ? 0 : 1), i32(rest ?? 0)],
        workgroups: linearGroups(sizeOf(labels!.shape), 64),
      },
    ];
  },
};
