/** The counts are cleared, then workgroups add to them what they counted in a chunk of voxels. */
import { linearGroups, u32, type Dispatch, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/histogram.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { cutTogether } from '../../devices/webgpu/cuts.ts';
import { channelCut } from '../volume-cuts.ts';
import { histogramEdges } from './edges.ts';
import type { HistogramOptions } from './histogram.ts';

/** As in the shader. */
const TILE = 1024;
const CHUNK = 65536;

export const webgpu: WebGpuKernel<HistogramOptions> = {
  cuts: (call) => [channelCut(call), ...cutTogether(call, [1, 2, 3], ['x', 'mask'], ['add'])],
  lower: ({ inputs: { x, mask }, outputs: [counts], options }) => {
    const { bins } = options;
    const channels = x!.shape[0]!;
    const voxels = sizeOf(x!.shape.slice(1));
    const chunks = Math.ceil(voxels / CHUNK);
    const tiles = Math.ceil(bins / TILE);
    const edges = { table: [...histogramEdges(options)].map((edge) => u32(orderOf(edge))) };
    const uniforms = [channels, voxels, bins, chunks, tiles, mask ? 1 : 0, 0, 0].map(u32);
    const dispatch = (
      entryPoint: string,
      bindings: Dispatch['bindings'],
      groups: Dispatch['workgroups'],
    ): Dispatch => ({
      shader,
      entryPoint,
      bindings,
      uniforms,
      workgroups: groups,
    });
    return [
      dispatch('clear', [undefined, undefined, undefined, counts!], linearGroups(channels * bins, 256)),
      dispatch('count', [x!, mask ?? { table: [u32(1)] }, edges, counts!], linearGroups(channels * tiles * chunks, 1)),
    ];
  },
};

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** As in the shader: whole numbers that order as floats do. */
function orderOf(value: number): number {
  float[0] = value === 0 ? 0 : value;
  const word = bits[0]!;
  return (word >= 0x80000000 ? ~word : word | 0x80000000) >>> 0;
}
