/** Lowering to one dispatch: a table of steps per output axis, its weights as the bits of float64. */
import { linearGroups, u32, type GpuWord, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/resize-labels.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { labelSteps } from './resize-labels.reference.ts';
import type { ResizeLabelsOptions } from './resize-labels.ts';
import { channelCut } from '../volume-cuts.ts';

export const webgpu: WebGpuKernel<ResizeLabelsOptions> = {
  cuts: (call) => [channelCut(call)],
  lower: ({ inputs, outputs: [y], options: { shape, separateAxis } }) => {
    const x = inputs['x']!;
    const steps = shape.flatMap((m, axis) => {
      const { low, step, weight } = labelSteps(x.shape[axis + 1]!, m, axis === separateAxis);
      return Array.from(weight, (up, k) => [u32(low[k]!), u32(step[k]!), ...bitsOf(1 - up), ...bitsOf(up)]).flat();
    });
    return [
      {
        shader,
        bindings: [x, { table: steps }, y!],
        uniforms: [...x.shape, ...shape, 0].map(u32),
        workgroups: linearGroups(sizeOf(y!.shape), 64),
      },
    ];
  },
};

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** The upper and the lower word of a float64. */
function bitsOf(value: number): GpuWord[] {
  double[0] = value;
  return [u32(words[1]!), u32(words[0]!)];
}
