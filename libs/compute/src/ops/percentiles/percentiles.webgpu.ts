/** Three rounds of counting and choosing. */
import { linearGroups, u32, type Dispatch, type GpuWord, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/percentiles.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { PercentilesOptions } from './percentiles.ts';
import { channelCut } from '../volume-cuts.ts';

/** As in the shader. */
const BINS = 2048;
const CHUNK = 65536;

export const webgpu: WebGpuKernel<PercentilesOptions> = {
  cuts: (call) => [channelCut(call)],
  lower: ({ inputs, outputs: [y], options: { percentiles }, scratch }) => {
    if (percentiles.length === 0) return [];
    const x = inputs['x']!;
    const mask = inputs['mask'] ?? { table: [u32(1)] };
    const channels = x.shape[0]!;
    const voxels = sizeOf(x.shape.slice(1));
    const queries = 2 * percentiles.length;
    const chunks = Math.ceil(voxels / CHUNK);
    const bins = channels * (1 + 2 * queries) * BINS;
    const counts = scratch(bins * 4);
    const state = scratch(channels * queries * 16);
    const shares = { table: percentiles.flatMap((p) => fixedPoint(p / 100)) };
    const uniforms = (pass: number): GpuWord[] =>
      [channels, voxels, queries, chunks, pass, inputs['mask'] ? 1 : 0, 0, 0].map(u32);
    const round = (pass: number): Dispatch[] => [
      {
        shader,
        entryPoint: 'count',
        bindings: [x, mask, undefined, counts, state, undefined],
        uniforms: uniforms(pass),
        workgroups: linearGroups(channels * (pass === 0 ? 1 : queries) * chunks, 1),
      },
      {
        shader,
        entryPoint: 'choose',
        bindings: [undefined, undefined, shares, counts, state, undefined],
        uniforms: uniforms(pass),
        workgroups: linearGroups(channels * queries, 1),
      },
    ];
    return [
      {
        shader,
        entryPoint: 'clear',
        bindings: [undefined, undefined, undefined, counts, undefined, undefined],
        uniforms: uniforms(0),
        workgroups: linearGroups(bins, 256),
      },
      ...round(0),
      ...round(1),
      ...round(2),
      {
        shader,
        entryPoint: 'interpolate',
        bindings: [undefined, undefined, undefined, undefined, state, y!],
        uniforms: uniforms(0),
        workgroups: linearGroups(channels * percentiles.length, 64),
      },
    ];
  },
};

/** A number from 0 to 1 as whole, units of 2^-32, units of 2^-64 and a word of padding. */
function fixedPoint(share: number): GpuWord[] {
  const upper = Math.floor(share * 2 ** 32);
  const lower = Math.floor((share * 2 ** 32 - upper) * 2 ** 32);
  return [Math.floor(upper / 2 ** 32), upper % 2 ** 32, lower, 0].map(u32);
}
