/** Lowering to one dispatch. */
import { i32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/decide-labels.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { DecideLabelsOptions } from './decide-labels.ts';
import { spaceCuts } from '../volume-cuts.ts';

export const webgpu: WebGpuKernel<DecideLabelsOptions> = {
  cuts: (call) => spaceCuts(call, ['logits']),
  lower: ({ inputs: { logits }, outputs: [y], options: { regions } }) => {
    const channels = logits!.shape[0]!;
    return [
      {
        shader,
        constants: { REGIONS: regions !== null },
        bindings: [logits!, { table: (regions ?? [...Array(channels).keys()]).map(i32) }, y!],
        uniforms: [channels, sizeOf(y!.shape)].map(u32),
        workgroups: linearGroups(sizeOf(y!.shape), 64),
      },
    ];
  },
};
