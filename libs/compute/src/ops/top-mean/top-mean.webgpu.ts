import { linearGroups, u32, type GpuView, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/top-mean.ts';
import { sizeOf, type Shape } from '../../tensor/spec.ts';

interface Settings {
  readonly fraction: number;
}

const none = undefined;

/** `countOf`: how many elements are kept. */
export function gpuTopMean(countOf: (shape: Shape, fraction: number) => number): WebGpuKernel<Settings> {
  return {
    halves: 'inputs',
    lower: ({ inputs, outputs: [mean, kept], options: { fraction } }) => {
      const x = inputs['x']!;
      const uniforms = [sizeOf(x.shape), countOf(x.shape, fraction), 0, 0].map(u32);
      return [
        {
          shader,
          entryPoint: 'select_',
          types: { X: x.storage, Y: 'f32' },
          bindings: [x, mean!, kept!, none, none, none],
          uniforms,
          workgroups: [1, 1, 1],
        },
      ];
    },
  };
}

export function gpuTopMeanGradient(countOf: (shape: Shape, fraction: number) => number): WebGpuKernel<Settings> {
  return {
    halves: 'all',
    lower: ({ inputs, outputs: [dx], options: { fraction } }) => {
      const { x, kept, dy } = inputs as { x: GpuView; kept: GpuView; dy: GpuView };
      const uniforms = [sizeOf(x.shape), countOf(x.shape, fraction), 0, 0].map(u32);
      return [
        {
          shader,
          entryPoint: 'gradient',
          types: { X: x.storage, Y: dx!.storage },
          bindings: [x, none, none, kept, dy, dx!],
          uniforms,
          workgroups: linearGroups(sizeOf(x.shape), 64),
        },
      ];
    },
  };
}
