/** Statistics, the curve, and if asked for statistics of the curve to give it the old ones. */
import { f32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/gamma.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { statisticsDispatches } from '../statistics/statistics.webgpu.ts';
import type { GammaOptions } from './gamma.ts';
import { channelCut } from '../volume-cuts.ts';

export const webgpu: WebGpuKernel<GammaOptions> = {
  cuts: (call) => [channelCut(call, (begin, end) => ({ exponents: call.options.exponents.slice(begin, end) }))],
  lower: ({ inputs, outputs, options: { exponents, invert, retain, floor }, scratch }) => {
    const x = inputs['x']!;
    const y = outputs[0]!;
    const before = scratch(x.shape[0]! * 24);
    const after = scratch(x.shape[0]! * 24);
    const rows = { table: exponents.flatMap((exponent) => [f32(exponent === null ? 0 : 1), f32(exponent ?? 1)]) };
    const common = {
      shader,
      uniforms: [u32(sizeOf(x.shape)), u32(sizeOf(x.shape.slice(1))), f32(floor), f32(invert ? -1 : 1)],
      workgroups: linearGroups(sizeOf(x.shape), 64),
    };
    return [
      ...statisticsDispatches(x, before, scratch),
      { ...common, entryPoint: 'power', bindings: [x, before, undefined, rows, y] },
      ...(retain
        ? [
            ...statisticsDispatches(y, after, scratch),
            { ...common, entryPoint: 'retain', bindings: [undefined, before, after, rows, y] },
          ]
        : []),
    ];
  },
};
