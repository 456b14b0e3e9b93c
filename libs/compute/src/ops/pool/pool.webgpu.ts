/** Max pooling on the WebGPU device; average pooling is a resampling. */
import { cutTogether } from '../../devices/webgpu/cuts.ts';
import { linearGroups, u32, type GpuView, type GpuWord, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/max-pool.ts';
import { sizeOf } from '../../tensor/spec.ts';

interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
}

function sizes(x: GpuView, output: readonly number[], { kernel, stride, padding }: Windows): GpuWord[] {
  const three = (list: readonly number[], value: number): number[] => [
    ...new Array<number>(3 - list.length).fill(value),
    ...list,
    0,
  ];
  const rows = x.shape[0]! * x.shape[1]!;
  return [
    rows,
    0,
    0,
    0,
    ...three(x.shape.slice(2), 1),
    ...three(output.slice(2), 1),
    ...three(kernel, 1),
    ...three(stride, 1),
    ...three(padding, 0),
  ].map(u32);
}

export const maxPoolKernel: WebGpuKernel<Windows> = {
  halves: 'all',
  cuts: (call) => cutTogether(call, [0, 1], ['x']),
  lower: ({ inputs, outputs: [y], options }) => {
    const x = inputs['x']!;
    return [
      {
        shader,
        types: { X: x.storage, DY: 'f32', Y: y!.storage },
        bindings: [x, undefined, y!],
        uniforms: sizes(x, y!.shape, options),
        workgroups: linearGroups(sizeOf(y!.shape), 64),
      },
    ];
  },
};

export const maxPoolGradientKernel: WebGpuKernel<Windows> = {
  halves: 'all',
  cuts: (call) => cutTogether(call, [0, 1], ['x', 'dy']),
  lower: ({ inputs, outputs: [dx], options }) => {
    const { x, dy } = inputs as { x: GpuView; dy: GpuView };
    return [
      {
        shader,
        entryPoint: 'gradient',
        types: { X: x.storage, DY: dy.storage, Y: dx!.storage },
        bindings: [x, dy, dx!],
        uniforms: sizes(x, dy.shape, options),
        workgroups: linearGroups(sizeOf(dx!.shape), 64),
      },
    ];
  },
};
