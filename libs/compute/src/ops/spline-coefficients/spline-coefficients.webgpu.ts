/** Spline coefficients on the WebGPU device: a symmetric filter along each axis. */
import type { WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import { resampleDispatches } from '../resample-axis/resample-axes.webgpu.ts';
import { coefficientWeights } from '../resize-spline/spline-weights.ts';
import { channelCut } from '../volume-cuts.ts';

export const webgpu: WebGpuKernel<object> = {
  cuts: (call) => [channelCut(call)],
  lower: ({ inputs: { x }, outputs: [y], scratch }) =>
    resampleDispatches(
      { buffer: x! },
      { buffer: y! },
      [1, ...x!.shape],
      x!.shape.slice(1).map(coefficientWeights),
      scratch,
    ),
};
