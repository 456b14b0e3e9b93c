/** The mean of the greatest elements on the WebGPU device: one workgroup selects; in parts, stages count, choose and add up. */
import { cutAlong } from '../../devices/webgpu/cuts.ts';
import {
  linearGroups,
  u32,
  type GpuCall,
  type GpuCut,
  type GpuStage,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/top-mean.ts';
import countShader from '../../generated/wgsl/top-mean-parts.ts';
import { sizeOf, type Shape, type TensorSpec } from '../../tensor/spec.ts';

interface Settings {
  readonly fraction: number;
}

const none = undefined;
/** Values of the byte that a pass looks at. */
const BYTES = 256;
const PASSES = 4;

/** `countOf`: how many elements are kept. */
export function gpuTopMean(countOf: (shape: Shape, fraction: number) => number): WebGpuKernel<Settings> {
  return {
    halves: 'inputs',
    stages: ({ inputs, options: { fraction } }) => selectionStages(countOf(inputs['x']!.shape, fraction)),
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

/** `count`: of a part, how many elements the whole keeps. */
export function gpuTopMeanGradient(
  countOf: (shape: Shape, fraction: number) => number,
): WebGpuKernel<Settings & { readonly count?: number }> {
  return {
    halves: 'all',
    cuts: ({ inputs, outputs, options }) => {
      const { count = countOf(inputs['x']!.shape, options.fraction) } = options;
      return inputs['x']!.shape.map((_, axis) =>
        cutAlong({ inputs, outputs, options: { ...options, count } }, { inputs: { x: axis }, outputs: [axis] }),
      );
    },
    lower: ({ inputs, outputs: [dx], options: { fraction, count } }) => {
      const { x, kept, dy } = inputs as { x: GpuView; kept: GpuView; dy: GpuView };
      const uniforms = [sizeOf(x.shape), count ?? countOf(x.shape, fraction), 0, 0].map(u32);
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

/** Radix selection with its passes apart: each counts a byte in parts of x, chooses it, and goes on with what is left. */
function selectionStages(count: number): GpuStage[] {
  const state: TensorSpec = { shape: [4], dtype: 'i32' };
  const counts: TensorSpec = { shape: [BYTES], dtype: 'i32' };
  const sum: TensorSpec = { shape: [1], dtype: 'f32' };
  return [
    { kernel: startKernel, options: { count }, inputs: {}, outputs: [{ of: state }] },
    ...Array.from({ length: PASSES }, (_, pass): GpuStage[] => [
      {
        kernel: countKernel,
        options: { pass },
        inputs: { x: { of: 'x' }, state: { of: state } },
        outputs: [{ of: counts }],
      },
      {
        kernel: chooseKernel,
        options: { pass },
        inputs: { counts: { of: counts }, state: { of: state } },
        outputs: [],
        mutates: ['state'],
      },
    ]).flat(),
    { kernel: sumKernel, options: {}, inputs: { x: { of: 'x' }, state: { of: state } }, outputs: [{ of: sum }] },
    {
      kernel: finishKernel,
      options: { count },
      inputs: { sum: { of: sum }, state: { of: state } },
      outputs: [{ of: 0 }, { of: 1 }],
    },
  ];
}

function addedUp(call: GpuCall<unknown>): GpuCut[] {
  return [...call.inputs['x']!.shape.keys()].map((axis) => cutAlong(call, { inputs: { x: axis } }, ['add']));
}

const startKernel: WebGpuKernel<{ readonly count: number }> = {
  lower: ({ outputs: [state], options: { count } }) => [
    {
      shader: countShader,
      entryPoint: 'start',
      types: { X: 'f32' },
      bindings: [none, state!, none, none, none],
      uniforms: [0, count, 0, 0].map(u32),
      workgroups: [1, 1, 1],
    },
  ],
};

const countKernel: WebGpuKernel<{ readonly pass: number }> = {
  halves: 'inputs',
  cuts: addedUp,
  lower: ({ inputs, outputs: [counts], options: { pass } }) => {
    const { x, state } = inputs as { x: GpuView; state: GpuView };
    const uniforms = [sizeOf(x.shape), 0, pass, 0].map(u32);
    return [
      {
        shader: countShader,
        entryPoint: 'clear',
        types: { X: x.storage },
        bindings: [none, none, counts!, none, none],
        workgroups: [1, 1, 1],
      },
      {
        shader: countShader,
        entryPoint: 'count',
        types: { X: x.storage },
        bindings: [x, state, counts!, none, none],
        uniforms,
        workgroups: linearGroups(sizeOf(x.shape), CHUNK),
      },
    ];
  },
};

/** Elements that one workgroup counts, fixed in the shader. */
const CHUNK = 16384;

const chooseKernel: WebGpuKernel<{ readonly pass: number }> = {
  lower: ({ inputs: { counts, state } }) => [
    {
      shader: countShader,
      entryPoint: 'choose',
      types: { X: 'f32' },
      bindings: [none, state!, counts!, none, none],
      workgroups: [1, 1, 1],
    },
  ],
};

const sumKernel: WebGpuKernel = {
  halves: 'inputs',
  cuts: addedUp,
  lower: ({ inputs, outputs: [sum] }) => {
    const { x, state } = inputs as { x: GpuView; state: GpuView };
    return [
      {
        shader: countShader,
        entryPoint: 'add_up',
        types: { X: x.storage },
        bindings: [x, state, none, sum!, none],
        uniforms: [sizeOf(x.shape), 0, 0, 0].map(u32),
        workgroups: [1, 1, 1],
      },
    ];
  },
};

const finishKernel: WebGpuKernel<{ readonly count: number }> = {
  lower: ({ inputs: { sum, state }, outputs: [mean, kept], options: { count } }) => [
    {
      shader: countShader,
      entryPoint: 'finish',
      types: { X: 'f32' },
      bindings: [sum!, state!, none, mean!, kept!],
      uniforms: [0, count, 0, 0].map(u32),
      workgroups: [1, 1, 1],
    },
  ],
};
