import { cutTogether, otherAxes } from '../../devices/webgpu/cuts.ts';
import {
  f32,
  i32,
  linearGroups,
  u32,
  type GpuView,
  type GpuWord,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/voxel-cross-entropy.ts';
import { sizeOf } from '../../tensor/spec.ts';

interface Settings {
  readonly ignoreLabel: number | null;
  readonly labelSmoothing: number;
}

/** Stands for "no label is ignored". */
const NO_LABEL = -(2 ** 31);

function sizes(logits: GpuView, { ignoreLabel, labelSmoothing }: Settings): GpuWord[] {
  return [
    u32(logits.shape[0]!),
    u32(logits.shape[1]!),
    u32(sizeOf(logits.shape.slice(2))),
    i32(ignoreLabel ?? NO_LABEL),
    f32(labelSmoothing),
    u32(0),
    u32(0),
    u32(0),
  ];
}

export const voxelCrossEntropyKernel: WebGpuKernel<Settings> = {
  halves: 'inputs',
  cuts: (call) => cutTogether(call, otherAxes(call.outputs[0]!.shape, 1), ['logits', 'target']),
  lower: ({ inputs, outputs: [y], options }) => {
    const { logits, target } = inputs as { logits: GpuView; target: GpuView };
    return [
      {
        shader,
        types: { X: logits.storage, DY: 'f32', Y: y!.storage },
        bindings: [logits, target, undefined, y!],
        uniforms: sizes(logits, options),
        workgroups: linearGroups(sizeOf(target.shape), 64),
      },
    ];
  },
};

export const voxelCrossEntropyGradientKernel: WebGpuKernel<Settings> = {
  halves: 'all',
  cuts: (call) => cutTogether(call, otherAxes(call.outputs[0]!.shape, 1), ['logits', 'target', 'dy']),
  lower: ({ inputs, outputs: [dx], options }) => {
    const { logits, target, dy } = inputs as { logits: GpuView; target: GpuView; dy: GpuView };
    return [
      {
        shader,
        entryPoint: 'gradient',
        types: { X: logits.storage, DY: dy.storage, Y: dx!.storage },
        bindings: [logits, target, dy, dx!],
        uniforms: sizes(logits, options),
        workgroups: linearGroups(sizeOf(target.shape), 64),
      },
    ];
  },
};
