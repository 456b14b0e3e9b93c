/** Lowering to one dispatch per axis, x first; in parts, each axis is a stage that the other two cut. */
import { cutTogether } from '../../devices/webgpu/cuts.ts';
import {
  f32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuScratch,
  type GpuType,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/distance.ts';
import { sizeOf, type Shape, type TensorSpec } from '../../tensor/spec.ts';
import type { DistanceOptions } from './distance.ts';

/** Spatial axes in the order of their passes. */
const AXES = [2, 1, 0] as const;

interface Pass {
  /** Among AXES. */
  readonly step: number;
  readonly spacing: number;
}

export const webgpu: WebGpuKernel<DistanceOptions> = {
  stages: ({ inputs, options: { spacing } }) => {
    const between: TensorSpec[] = [0, 1].map(() => ({ shape: inputs['mask']!.shape, dtype: 'f32' }));
    return AXES.map((axis, step) => ({
      kernel: passKernel,
      options: { step, spacing: spacing[axis]! } satisfies Pass,
      inputs: { x: { of: step === 0 ? 'mask' : between[step - 1]! } },
      outputs: [{ of: step === 2 ? 0 : between[step]! }],
    }));
  },
  lower: ({ inputs: { mask }, outputs: [y], options: { spacing }, scratch }) => {
    const between = [0, 1].map(() => scratch(sizeOf(mask!.shape) * 4));
    return AXES.map((axis, step) =>
      passDispatch(
        mask!.shape,
        step === 0 ? mask! : between[step - 1]!,
        step === 0 ? mask!.storage : 'f32',
        step === 2 ? y! : between[step]!,
        { step, spacing: spacing[axis]! },
      ),
    );
  },
};

const passKernel: WebGpuKernel<Pass> = {
  cuts: (call) =>
    cutTogether(
      call,
      [1, 2, 3].filter((axis) => axis !== AXES[call.options.step]! + 1),
      ['x'],
    ),
  lower: ({ inputs: { x }, outputs: [y], options }) => [passDispatch(x!.shape, x!, x!.storage, y!, options)],
};

function passDispatch(
  shape: Shape,
  from: GpuView | GpuScratch,
  storage: GpuType,
  to: GpuView | GpuScratch,
  { step, spacing }: Pass,
): Dispatch {
  const axis = AXES[step]!;
  return {
    shader,
    types: { X: storage },
    constants: { FIRST: step === 0, LAST: step === 2 },
    bindings: [from, to],
    uniforms: [
      u32(sizeOf(shape)),
      u32(shape[axis + 1]!),
      u32(sizeOf(shape.slice(axis + 2))),
      f32(spacing),
      f32(Infinity),
    ],
    workgroups: linearGroups(sizeOf(shape), 64),
  };
}
