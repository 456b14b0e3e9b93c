/** Instance normalization and its gradient on the WebGPU device. */
import { cutAlong } from '../../devices/webgpu/cuts.ts';
import { f32, linearGroups, u32, type Dispatch, type GpuView, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import { workgroupSum } from '../../devices/webgpu/workgroup-sum.ts';
import gradientShader from '../../generated/wgsl/instance-norm-gradient.ts';
import sumsShader from '../../generated/wgsl/instance-norm-sums.ts';
import normShader from '../../generated/wgsl/instance-norm.ts';
import { sizeOf } from '../../tensor/spec.ts';

/** Elements of one chunk, fixed in the shaders. */
const CHUNK = 4096;

interface Settings {
  readonly epsilon: number;
  readonly slope: number;
}

interface Rows {
  readonly rows: number;
  readonly channels: number;
  readonly voxels: number;
  readonly chunks: number;
}

function rowsOf(x: GpuView): Rows {
  const [samples, channels, ...space] = x.shape as [number, number, ...number[]];
  const voxels = sizeOf(space);
  return { rows: samples * channels, channels, voxels, chunks: Math.ceil(voxels / CHUNK) };
}

export const instanceNormKernel: WebGpuKernel<Settings> = {
  halves: 'all',
  cuts: (call) => [
    cutAlong(call, { inputs: { x: 0 }, outputs: [0, 0] }),
    cutAlong(call, { inputs: { x: 1, scale: 0, shift: 0 }, outputs: [1, 1] }),
  ],
  lower: ({ inputs, outputs: [y, moments], options: { epsilon, slope }, features, scratch }) => {
    const x = inputs['x']!;
    const { rows, channels, voxels, chunks } = rowsOf(x);
    const partial = scratch(rows * chunks * 8);
    const uniforms = [u32(rows), u32(channels), u32(voxels), u32(chunks), f32(epsilon), f32(slope), u32(0), u32(0)];
    const { constants, scale, shift } = affineOf(inputs, moments!);
    const sum = workgroupSum(features, 'f32');
    return [
      {
        shader: normShader,
        ...sum,
        entryPoint: 'chunks_',
        constants,
        types: { X: x.storage, Y: 'f32' },
        bindings: [x, undefined, undefined, undefined, partial],
        uniforms,
        workgroups: linearGroups(rows * chunks, 1),
      },
      {
        shader: normShader,
        ...sum,
        entryPoint: 'moments_',
        constants,
        types: { X: 'f32', Y: 'f32' },
        bindings: [undefined, partial, undefined, undefined, moments!],
        uniforms,
        workgroups: linearGroups(rows, 64),
      },
      {
        shader: normShader,
        ...sum,
        entryPoint: 'apply',
        constants,
        types: { X: x.storage, Y: y!.storage },
        bindings: [x, moments!, scale, shift, y!],
        uniforms,
        workgroups: linearGroups(rows * voxels, 64),
      },
    ];
  },
};

export const instanceNormGradientKernel: WebGpuKernel<Settings> = {
  halves: 'all',
  cuts: (call) => [
    cutAlong(call, { inputs: { x: 0, dy: 0, moments: 0, dmoments: 0 }, outputs: [0] }, ['place', 'add', 'add']),
    cutAlong(call, { inputs: { x: 1, dy: 1, moments: 1, dmoments: 1, scale: 0, shift: 0 }, outputs: [1, 0, 0] }),
  ],
  lower: ({ inputs, outputs: [dx, dscale, dshift], options: { slope }, features, scratch }) => {
    const x = inputs['x']!;
    const dy = inputs['dy']!;
    const moments = inputs['moments']!;
    const { rows, channels, voxels, chunks } = rowsOf(x);
    const partial = scratch(rows * chunks * 8);
    const sums = scratch(rows * 8);
    const { constants: affine, scale, shift } = affineOf(inputs, moments);
    const uniforms = [u32(rows), u32(channels), u32(voxels), u32(chunks), f32(slope), u32(0), u32(0), u32(0)];
    const constants = { ...affine, HAS_DMOMENTS: inputs['dmoments'] !== undefined };
    const types = { X: x.storage, DY: dy.storage };
    const sum = workgroupSum(features, 'vec2<f32>');
    return [
      {
        shader: gradientShader,
        ...sum,
        entryPoint: 'sums',
        types: { ...types, Y: 'f32' },
        constants,
        bindings: [x, dy, moments, scale, shift, undefined, undefined, partial],
        uniforms,
        workgroups: linearGroups(rows * chunks, 1),
      },
      {
        shader: sumsShader,
        bindings: [partial, sums, dscale!, dshift!],
        uniforms: [u32(rows / channels), u32(channels), u32(chunks), u32(0)],
        workgroups: linearGroups(channels, 64),
      },
      {
        shader: gradientShader,
        ...sum,
        entryPoint: 'apply',
        types: { ...types, Y: dx!.storage },
        constants,
        bindings: [x, dy, moments, scale, shift, sums, inputs['dmoments'] ?? moments, dx!],
        uniforms,
        workgroups: linearGroups(rows * voxels, 64),
      },
    ];
  },
};

/** Scale and shift, or something else to bind in their place. */
function affineOf(
  inputs: Readonly<Record<string, GpuView | undefined>>,
  instead: GpuView,
): { constants: Dispatch['constants']; scale: GpuView; shift: GpuView } {
  const { scale, shift } = inputs;
  return {
    constants: { HAS_SCALE: scale !== undefined, HAS_SHIFT: shift !== undefined },
    scale: scale ?? instead,
    shift: shift ?? instead,
  };
}
