import { cutTogether, otherAxes } from '../../devices/webgpu/cuts.ts';
import { linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import { workgroupSum } from '../../devices/webgpu/workgroup-sum.ts';
import shader from '../../generated/wgsl/softmax.ts';
import { sizeOf } from '../../tensor/spec.ts';

/** Rows from this length on get a workgroup each. */
const LONG_ROW = 64;

export function gpuSoftmax(logarithm: boolean): WebGpuKernel<{ readonly axis: number }> {
  return {
    halves: 'all',
    cuts: (call) => cutTogether(call, otherAxes(call.inputs['x']!.shape, call.options.axis), ['x']),
    lower: ({ inputs, outputs: [y], options: { axis }, features }) => {
      const x = inputs['x']!;
      const outer = sizeOf(x.shape.slice(0, axis));
      const classes = x.shape[axis]!;
      const inner = sizeOf(x.shape.slice(axis + 1));
      const long = inner === 1 && classes >= LONG_ROW;
      return [
        {
          shader,
          ...workgroupSum(features, 'f32'),
          entryPoint: long ? 'rows' : 'columns',
          types: { X: x.storage, Y: y!.storage },
          constants: { LOGARITHM: logarithm },
          bindings: [x, y!],
          uniforms: [outer, classes, inner, 0].map(u32),
          workgroups: long ? linearGroups(outer, 1) : linearGroups(outer * inner, 64),
        },
      ];
    },
  };
}
