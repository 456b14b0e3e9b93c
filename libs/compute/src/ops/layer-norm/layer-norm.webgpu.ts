/** Layer normalization and its gradient on the WebGPU device. */
import { cutAlong } from '../../devices/webgpu/cuts.ts';
import { f32, linearGroups, u32, type Dispatch, type GpuView, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/layer-norm.ts';
import { sizeOf, type TensorSpec } from '../../tensor/spec.ts';

/** Rows whose sums are taken together, fixed in the shader. */
const BLOCK = 256;

interface Settings {
  readonly epsilon: number;
}

const none = undefined;

function prepare(
  { x, scale, shift }: { x: GpuView; scale?: GpuView | undefined; shift?: GpuView | undefined },
  { epsilon }: Settings,
): { shared: Pick<Dispatch, 'shader' | 'constants' | 'uniforms'>; rows: number; features: number; blocks: number } {
  const rows = sizeOf(x.shape.slice(0, -1));
  const features = x.shape.at(-1)!;
  const blocks = Math.ceil(rows / BLOCK);
  return {
    shared: {
      shader,
      constants: { HAS_SCALE: scale !== undefined, HAS_SHIFT: shift !== undefined },
      uniforms: [u32(rows), u32(features), u32(blocks), f32(epsilon)],
    },
    rows,
    features,
    blocks,
  };
}

export const layerNormKernel: WebGpuKernel<Settings> = {
  cuts: (call) =>
    leadingAxes(call.inputs['x']!).map((axis) => cutAlong(call, { inputs: { x: axis }, outputs: [axis, axis] })),
  lower: ({ inputs, outputs: [y, moments], options }) => {
    const { x, scale, shift } = inputs as { x: GpuView; scale?: GpuView; shift?: GpuView };
    const { shared, rows } = prepare({ x, scale, shift }, options);
    return [
      {
        ...shared,
        entryPoint: 'forward',
        bindings: [x, scale ?? x, shift ?? x, none, none, y!, moments!, none],
        workgroups: linearGroups(rows, 1),
      },
    ];
  },
};

export const layerNormGradientKernel: WebGpuKernel<Settings> = {
  cuts: (call) =>
    leadingAxes(call.inputs['x']!).map((axis) =>
      cutAlong(call, { inputs: { x: axis, dy: axis, moments: axis }, outputs: [axis] }, ['place', 'add', 'add']),
    ),
  lower: ({ inputs, outputs: [dx, dscale, dshift], options, scratch }) => {
    const { x, scale, dy, moments } = inputs as { scale?: GpuView } & Record<'x' | 'dy' | 'moments', GpuView>;
    const { shared, rows, features, blocks } = prepare({ x, scale }, options);
    const sums = scratch(blocks * features * 8);
    return [
      {
        ...shared,
        entryPoint: 'backward',
        bindings: [x, scale ?? x, none, dy, moments, dx!, none, none],
        workgroups: linearGroups(rows, 1),
      },
      {
        ...shared,
        entryPoint: 'blocks',
        bindings: [x, none, none, dy, moments, none, sums, none],
        workgroups: linearGroups(blocks * features, 64),
      },
      {
        ...shared,
        entryPoint: 'finish',
        bindings: [none, none, none, none, sums, dscale!, none, dshift!],
        workgroups: linearGroups(features, 64),
      },
    ];
  },
};

/** All axes but that of the features. */
function leadingAxes({ shape }: TensorSpec): number[] {
  return [...shape.keys()].slice(0, -1);
}
