/** Lowering to one dispatch. */
import { f32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/rescale-intensity.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { RescaleIntensityOptions } from './rescale-intensity.ts';
import { channelCut, spaceCuts } from '../volume-cuts.ts';

export const webgpu: WebGpuKernel<RescaleIntensityOptions> = {
  cuts: (call) => [
    ...spaceCuts(call, ['x', 'mask']),
    channelCut(call, (begin, end) => ({ channels: call.options.channels.slice(begin, end) })),
  ],
  lower: ({ inputs, outputs: [y], options: { channels } }) => {
    const x = inputs['x']!;
    const mask = inputs['mask'];
    const rows = channels.flatMap((c) =>
      [c.low ?? -Infinity, c.high ?? Infinity, c.subtract, c.divide, c.multiply, c.add].map(f32),
    );
    return [
      {
        shader,
        entryPoint: mask ? 'masked' : 'whole',
        bindings: [x, mask, { table: rows }, y!],
        uniforms: [sizeOf(x.shape), sizeOf(x.shape.slice(1))].map(u32),
        workgroups: linearGroups(sizeOf(x.shape), 64),
      },
    ];
  },
};
