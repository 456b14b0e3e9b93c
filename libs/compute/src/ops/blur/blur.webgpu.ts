/** Separable convolution on the WebGPU device: a channel with taps is three sparse sums, one along each axis. */
import type { WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { fromEntries, type AxisWeights } from '../resample-axis/axis-weights.ts';
import { resampleDispatches } from '../resample-axis/resample-axes.webgpu.ts';
import type { BlurOptions } from './blur.ts';
import { sources } from './sources.ts';
import { channelCut } from '../volume-cuts.ts';

const UNCHANGED = [[1], [1], [1]];

export const webgpu: WebGpuKernel<BlurOptions> = {
  cuts: (call) => [channelCut(call, (begin, end) => ({ channels: call.options.channels.slice(begin, end) }))],
  lower: ({ inputs: { x }, outputs: [y], options: { channels, boundary }, scratch }) => {
    const space = x!.shape.slice(1);
    return channels.flatMap((perAxis, c) => {
      const start = c * sizeOf(space);
      const matrices = space.map((n, axis) => tapWeights(n, (perAxis ?? UNCHANGED)[axis]!, boundary));
      return resampleDispatches({ buffer: x!, start }, { buffer: y!, start }, [1, 1, ...space], matrices, scratch);
    });
  },
};

function tapWeights(n: number, taps: readonly number[], boundary: BlurOptions['boundary']): AxisWeights {
  const table = sources(n, taps.length >> 1, boundary);
  return fromEntries(
    n,
    n,
    Array.from({ length: n }, (_, i) =>
      taps.map((tap, k) => [table[i + k]!, tap] as const).filter(([from]) => from >= 0),
    ),
  );
}
