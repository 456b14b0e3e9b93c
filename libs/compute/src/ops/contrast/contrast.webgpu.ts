/** Statistics, then one dispatch. */
import { f32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/contrast.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { statisticsDispatches } from '../statistics/statistics.webgpu.ts';
import type { ContrastOptions } from './contrast.ts';
import { channelCut } from '../volume-cuts.ts';

export const webgpu: WebGpuKernel<ContrastOptions> = {
  cuts: (call) => [channelCut(call, (begin, end) => ({ factors: call.options.factors.slice(begin, end) }))],
  lower: ({ inputs, outputs: [y], options: { factors, preserveRange }, scratch }) => {
    const x = inputs['x']!;
    const statistics = scratch(x.shape[0]! * 24);
    return [
      ...statisticsDispatches(x, statistics, scratch),
      {
        shader,
        bindings: [
          x,
          statistics,
          { table: factors.flatMap((factor) => [f32(factor === null ? 0 : 1), f32(factor ?? 1)]) },
          y!,
        ],
        uniforms: [sizeOf(x.shape), sizeOf(x.shape.slice(1)), preserveRange ? 1 : 0, 0].map(u32),
        workgroups: linearGroups(sizeOf(x.shape), 64),
      },
    ];
  },
};
