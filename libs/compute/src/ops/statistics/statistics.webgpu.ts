/** Two passes over the volume, each followed by one over its blocks. */
import {
  linearGroups,
  u32,
  type Dispatch,
  type GpuScratch,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/statistics.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { channelCut } from '../volume-cuts.ts';

/** As in the shader. */
const BLOCK = 16384;

export const webgpu: WebGpuKernel<object> = {
  cuts: (call) => [channelCut(call)],
  lower: ({ inputs: { x, mask }, outputs: [y], scratch }) => statisticsDispatches(x!, y!, scratch, mask),
};

/** The dispatches that fill `table` (f32 [C][6]) for x [C, …]; also for operations that need statistics on their way. */
export function statisticsDispatches(
  x: GpuView,
  table: GpuView | GpuScratch,
  scratch: (bytes: number) => GpuScratch,
  mask?: GpuView,
): Dispatch[] {
  const channels = x.shape[0]!;
  const voxels = sizeOf(x.shape.slice(1));
  const blocks = Math.ceil(voxels / BLOCK);
  const partials = scratch((channels * blocks + channels) * 16);
  const differences = scratch(channels * blocks * 8);
  const uniforms = [channels, voxels, blocks, mask ? 1 : 0].map(u32);
  const perBlock = linearGroups(channels * blocks, 1);
  const perChannel = [channels, 1, 1] as const;
  const chosen = mask ?? { table: [u32(1)] };
  return [
    {
      shader,
      entryPoint: 'sums',
      bindings: [x, chosen, partials, undefined, undefined],
      uniforms,
      workgroups: perBlock,
    },
    {
      shader,
      entryPoint: 'total',
      bindings: [x, undefined, partials, undefined, undefined],
      uniforms,
      workgroups: perChannel,
    },
    {
      shader,
      entryPoint: 'squares',
      bindings: [x, chosen, partials, differences, undefined],
      uniforms,
      workgroups: perBlock,
    },
    {
      shader,
      entryPoint: 'finish',
      bindings: [undefined, undefined, partials, differences, table],
      uniforms,
      workgroups: perChannel,
    },
  ];
}
