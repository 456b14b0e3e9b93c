/** Low resolution on the WebGPU device: down and up again is one sparse sum of two voxels along each axis. */
import type { WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { axisTable } from '../reindex/axis-table.ts';
import { fromEntries, type AxisWeights } from '../resample-axis/axis-weights.ts';
import { resampleDispatches } from '../resample-axis/resample-axes.webgpu.ts';
import { linearWeights } from './linear-weights.ts';
import type { LowResolutionOptions } from './low-resolution.ts';
import { channelCut } from '../volume-cuts.ts';

export const webgpu: WebGpuKernel<LowResolutionOptions> = {
  cuts: (call) => [channelCut(call, (begin, end) => ({ shapes: call.options.shapes.slice(begin, end) }))],
  lower: ({ inputs: { x }, outputs: [y], options: { shapes, rule }, scratch }) => {
    const space = x!.shape.slice(1);
    return shapes.flatMap((shape, c) => {
      const start = c * sizeOf(space);
      const matrices = space.map((n, axis) => downAndUp(n, shape?.[axis] ?? n, rule));
      return resampleDispatches({ buffer: x!, start }, { buffer: y!, start }, [1, 1, ...space], matrices, scratch);
    });
  },
};

function downAndUp(n: number, coarse: number, rule: LowResolutionOptions['rule']): AxisWeights {
  const down = axisTable({ axis: 0, size: coarse, rule, start: 0, step: 1 }, n, 'edge');
  const { low, weight } = linearWeights(coarse, n);
  return fromEntries(
    n,
    n,
    Array.from({ length: n }, (_, i) =>
      [
        [down[low[i]!]!, 1 - weight[i]!] as const,
        [down[Math.min(coarse - 1, low[i]! + 1)]!, weight[i]!] as const,
      ].filter(([, share]) => share !== 0),
    ),
  );
}
