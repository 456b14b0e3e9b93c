import { cutAlong } from '../../devices/webgpu/cuts.ts';
import {
  f32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuScratch,
  type GpuStage,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import { workgroupSum } from '../../devices/webgpu/workgroup-sum.ts';
import shader from '../../generated/wgsl/gradient-norm.ts';
import { sizeOf, type TensorSpec } from '../../tensor/spec.ts';

/** Elements of one block, fixed in the shader. */
const BLOCK = 4096;

export const gradientNormKernel: WebGpuKernel<{ readonly limit: number }> = {
  halves: 'inputs',
  // The squares of each tensor are added up to one number, in parts of it where it is large; then those are.
  stages: ({ inputs, options }) => {
    const names = Object.keys(inputs).filter((name) => inputs[name] !== undefined);
    const sums: TensorSpec = { shape: [names.length], dtype: 'f32' };
    return [
      ...names.map((name, k): GpuStage => ({
        kernel: squaresKernel,
        options: {},
        inputs: { x: { of: name } },
        outputs: [{ of: sums, box: { begin: [k], shape: [1] } }],
      })),
      { kernel: normKernel, options, inputs: { sums: { of: sums } }, outputs: [{ of: 0 }, { of: 1 }] },
    ];
  },
  lower: ({ inputs, outputs: [norm, scale], options, features, scratch }) => {
    const views = Object.values(inputs).filter((view) => view !== undefined);
    const blocksOf = views.map((view) => Math.ceil(sizeOf(view.shape) / BLOCK));
    const blocks = blocksOf.reduce((sum, n) => sum + n, 0);
    const partial = scratch(blocks * 4);
    let place = 0;
    const dispatches = views.map((view, k): Dispatch => {
      const dispatch = squaresDispatch(features, view, partial, place);
      place += blocksOf[k]!;
      return dispatch;
    });
    return [...dispatches, normDispatch(features, partial, blocks, norm!, scale!, options)];
  },
};

type Features = ReadonlySet<string>;

const squaresKernel: WebGpuKernel = {
  halves: 'inputs',
  cuts: (call) => [...call.inputs['x']!.shape.keys()].map((axis) => cutAlong(call, { inputs: { x: axis } }, ['add'])),
  lower: ({ inputs, outputs: [sum], features, scratch }) => {
    const x = inputs['x']!;
    const blocks = Math.ceil(sizeOf(x.shape) / BLOCK);
    const partial = scratch(blocks * 4);
    return [
      squaresDispatch(features, x, partial, 0),
      {
        shader,
        ...workgroupSum(features, 'f32'),
        entryPoint: 'total',
        types: { FROM: 'f32' },
        bindings: [partial, sum!, undefined],
        uniforms: [u32(blocks), u32(0), f32(0), u32(0)],
        workgroups: [1, 1, 1],
      },
    ];
  },
};

const normKernel: WebGpuKernel<{ readonly limit: number }> = {
  lower: ({ inputs: { sums }, outputs: [norm, scale], options, features }) => [
    normDispatch(features, sums!, sizeOf(sums!.shape), norm!, scale!, options),
  ],
};

/** Sums of squares of the blocks of a tensor, from `place` on. */
function squaresDispatch(features: Features, x: GpuView, to: GpuScratch, place: number): Dispatch {
  return {
    shader,
    ...workgroupSum(features, 'f32'),
    entryPoint: 'squares',
    types: { FROM: x.storage },
    bindings: [x, to, undefined],
    uniforms: [u32(sizeOf(x.shape)), u32(place), f32(0), u32(0)],
    workgroups: linearGroups(Math.ceil(sizeOf(x.shape) / BLOCK), 1),
  };
}

function normDispatch(
  features: Features,
  sums: GpuView | GpuScratch,
  count: number,
  norm: GpuView,
  scale: GpuView,
  { limit }: { readonly limit: number },
): Dispatch {
  return {
    shader,
    ...workgroupSum(features, 'f32'),
    entryPoint: 'finish',
    types: { FROM: 'f32' },
    bindings: [sums, norm, scale],
    uniforms: [u32(count), u32(0), f32(limit), u32(0)],
    workgroups: [1, 1, 1],
  };
}
