/** Dice plus cross-entropy and its gradient on the WebGPU device. */
import { cutTogether, spaceAxes } from '../../devices/webgpu/cuts.ts';
import {
  f32,
  i32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuFinish,
  type GpuWord,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import { workgroupSum } from '../../devices/webgpu/workgroup-sum.ts';
import gradientShader from '../../generated/wgsl/dice-cross-entropy-gradient.ts';
import sumsShader from '../../generated/wgsl/dice-cross-entropy.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { DiceCrossEntropyOptions } from './options.ts';

/** Voxels per block of sums, fixed in the shader. */
const BLOCK = 2048;
/** Stands for "no label is ignored". */
const NO_LABEL = -(2 ** 31);

const none = undefined;

function sumsUniforms(
  samples: number,
  classes: number,
  voxels: number,
  blocks: number,
  options: DiceCrossEntropyOptions,
): GpuWord[] {
  return [
    ...[samples, classes, voxels, blocks].map(u32),
    i32(options.ignoreLabel ?? NO_LABEL),
    u32(options.includeBackground ? 0 : 1),
    u32(options.batchDice ? 1 : 0),
    f32(options.smooth),
    f32(options.diceWeight),
    f32(options.crossEntropyWeight),
    u32(0),
    u32(0),
  ];
}

export const diceCrossEntropyKernel: WebGpuKernel<DiceCrossEntropyOptions> = {
  halves: 'inputs',
  // Sums over slabs of voxels add up; the loss is made of them at the end.
  cuts: (call) => {
    const [samples, classes, ...space] = call.inputs['logits']!.shape as [number, number, ...number[]];
    const finish = ({ outputs: [loss, sums], features, scratch }: GpuFinish): Dispatch[] => [
      {
        shader: sumsShader,
        ...workgroupSum(features, 'vec3<f32>'),
        entryPoint: 'finish',
        types: { X: 'f32' },
        constants: { WEIGHTED: false },
        bindings: [none, none, none, none, scratch(8), scratch(4), sums!, loss!],
        uniforms: sumsUniforms(samples, classes, sizeOf(space), 0, call.options),
        workgroups: [1, 1, 1],
      },
    ];
    return cutTogether(call, spaceAxes(call.inputs['logits']!), ['logits', 'target'], ['none', 'add']).map((cut) => ({
      ...cut,
      finish,
    }));
  },
  lower: ({ inputs, outputs: [loss, sums], options, features, scratch }) => {
    const { logits, target, weight } = inputs;
    const [samples, classes, ...space] = logits!.shape as [number, number, ...number[]];
    const voxels = sizeOf(space);
    const blocks = Math.ceil(voxels / BLOCK);
    const normalizers = scratch(samples * voxels * 4);
    const entropyParts = scratch(samples * blocks * 8);
    const classParts = scratch(samples * classes * blocks * 12);
    const uniforms = sumsUniforms(samples, classes, voxels, blocks, options);
    const shared = {
      shader: sumsShader,
      ...workgroupSum(features, 'vec3<f32>'),
      types: { X: logits!.storage },
      constants: { WEIGHTED: weight !== undefined },
      uniforms,
    };
    return [
      {
        ...shared,
        entryPoint: 'entropies',
        bindings: [logits!, target!, weight ?? logits!, normalizers, entropyParts, none, none, none],
        workgroups: linearGroups(samples * blocks, 1),
      },
      {
        ...shared,
        entryPoint: 'classes_',
        bindings: [logits!, target!, none, normalizers, none, classParts, none, none],
        workgroups: linearGroups(samples * classes * blocks, 1),
      },
      {
        ...shared,
        entryPoint: 'finish',
        bindings: [none, none, none, none, entropyParts, classParts, sums!, loss!],
        workgroups: [1, 1, 1],
      },
    ];
  },
};

export const diceCrossEntropyGradientKernel: WebGpuKernel<DiceCrossEntropyOptions> = {
  halves: 'all',
  cuts: (call) => cutTogether(call, spaceAxes(call.inputs['logits']!), ['logits', 'target']),
  lower: ({ inputs, outputs: [dx], options, scratch }) => {
    const { logits, target, weight, sums, dy } = inputs;
    const [samples, classes, ...space] = logits!.shape as [number, number, ...number[]];
    const voxels = sizeOf(space);
    const table = scratch((samples * classes + 1) * 8);
    const uniforms = [
      ...[samples, classes, voxels, options.includeBackground ? 0 : 1].map(u32),
      i32(options.ignoreLabel ?? NO_LABEL),
      u32(options.batchDice ? 1 : 0),
      f32(options.smooth),
      f32(options.diceWeight),
      f32(options.crossEntropyWeight),
      u32(0),
      u32(0),
      u32(0),
    ];
    const shared = {
      shader: gradientShader,
      types: { X: logits!.storage, Y: dx!.storage },
      constants: { WEIGHTED: weight !== undefined },
      uniforms,
    };
    return [
      {
        ...shared,
        entryPoint: 'slopes',
        bindings: [none, none, none, sums!, dy!, none, none, table],
        workgroups: linearGroups(samples * classes, 64),
      },
      {
        ...shared,
        entryPoint: 'main',
        bindings: [logits!, target!, weight ?? logits!, none, none, table, dx!, none],
        workgroups: linearGroups(samples * voxels, 64),
      },
    ];
  },
};
