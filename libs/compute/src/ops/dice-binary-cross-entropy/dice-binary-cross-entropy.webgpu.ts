import { cutTogether, spaceAxes } from '../../devices/webgpu/cuts.ts';
import {
  f32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuFinish,
  type GpuView,
  type GpuWord,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/dice-binary-cross-entropy.ts';
import { sizeOf, type TensorSpec } from '../../tensor/spec.ts';
import type { DiceBinaryCrossEntropyOptions } from './dice-binary-cross-entropy.ts';

/** Voxels per block of sums, fixed in the shader. */
const BLOCK = 4096;

interface Prepared {
  readonly rows: number;
  readonly voxels: number;
  readonly blocks: number;
  readonly uniforms: readonly GpuWord[];
}

const blocksOf = ({ shape }: TensorSpec): number => Math.ceil(sizeOf(shape.slice(2)) / BLOCK);

function prepare(
  logits: TensorSpec,
  target: TensorSpec,
  options: DiceBinaryCrossEntropyOptions,
  blocks = blocksOf(logits),
): Prepared {
  const [samples, regions, ...space] = logits.shape as [number, number, ...number[]];
  const voxels = sizeOf(space);
  const sizes = [
    samples,
    regions,
    target.shape[1]!,
    voxels,
    blocks,
    options.includeBackground ? 0 : 1,
    options.batchDice ? 1 : 0,
  ].map(u32);
  return {
    rows: samples * regions,
    voxels,
    blocks,
    uniforms: [...sizes, f32(options.smooth), f32(options.diceWeight), f32(options.crossEntropyWeight), u32(0), u32(0)],
  };
}

const none = undefined;

export const diceBinaryCrossEntropyKernel: WebGpuKernel<DiceBinaryCrossEntropyOptions> = {
  halves: 'inputs',
  // Sums over slabs of voxels add up; the loss is made of them at the end.
  cuts: (call) => {
    const { logits, target } = call.inputs as { logits: TensorSpec; target: TensorSpec };
    const finish = ({ outputs: [loss, sums], scratch }: GpuFinish): Dispatch[] => [
      {
        shader,
        entryPoint: 'finish',
        types: { X: 'f32', T: 'f32', Y: 'f32' },
        bindings: [none, none, scratch(4), sums!, loss!, none, none, none],
        uniforms: prepare(logits, target, call.options, 0).uniforms,
        workgroups: [1, 1, 1],
      },
    ];
    return cutTogether(call, spaceAxes(logits), ['logits', 'target'], ['none', 'add']).map((cut) => ({
      ...cut,
      finish,
    }));
  },
  lower: ({ inputs, outputs: [loss, sums], options, scratch }) => {
    const { logits, target } = inputs as { logits: GpuView; target: GpuView };
    const { rows, blocks, uniforms } = prepare(logits, target, options);
    const parts = scratch(rows * blocks * 20);
    const shared = { shader, types: { X: logits.storage, T: target.storage, Y: 'f32' as const }, uniforms };
    return [
      {
        ...shared,
        entryPoint: 'sums_',
        bindings: [logits, target, parts, none, none, none, none, none],
        workgroups: linearGroups(rows * blocks, 1),
      },
      {
        ...shared,
        entryPoint: 'finish',
        bindings: [none, none, parts, sums!, loss!, none, none, none],
        workgroups: [1, 1, 1],
      },
    ];
  },
};

export const diceBinaryCrossEntropyGradientKernel: WebGpuKernel<DiceBinaryCrossEntropyOptions> = {
  halves: 'all',
  cuts: (call) => cutTogether(call, spaceAxes(call.inputs['logits']!), ['logits', 'target']),
  lower: ({ inputs, outputs: [dx], options }) => {
    const { logits, target, sums, dy } = inputs as { logits: GpuView; target: GpuView; sums: GpuView; dy: GpuView };
    const { rows, voxels, uniforms } = prepare(logits, target, options);
    return [
      {
        shader,
        entryPoint: 'gradient',
        types: { X: logits.storage, T: target.storage, Y: dx!.storage },
        bindings: [logits, target, none, none, none, sums, dy, dx!],
        uniforms,
        workgroups: linearGroups(rows * voxels, 64),
      },
    ];
  },
};
