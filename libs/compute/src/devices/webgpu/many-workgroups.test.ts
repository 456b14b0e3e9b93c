/** More workgroups than one axis of a dispatch has: kernels fold them into another, or are computed in parts. */
import { expect, test } from 'vitest';
import type { Graph, Slot } from '../../graph/graph.ts';
import type { AnyOp } from '../../op/op.ts';
import * as ops from '../../ops/index.ts';
import { diceCrossEntropyWithSums } from '../../ops/dice-cross-entropy/dice-cross-entropy.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import type { TensorSpec } from '../../tensor/spec.ts';
import { tensor } from '../../tensor/tensor.ts';
import { compile, type ProgramStep } from './compile.ts';

const MOST = 65535;
const limits = {
  maxBufferSize: 2 ** 40,
  maxStorageBufferBindingSize: 2 ** 40,
  maxComputeWorkgroupsPerDimension: MOST,
  maxComputeWorkgroupStorageSize: 32768,
  maxComputeInvocationsPerWorkgroup: 256,
  minStorageBufferOffsetAlignment: 256,
  minUniformBufferOffsetAlignment: 256,
} as GPUSupportedLimits;

/** The program of one call. */
function program(op: AnyOp, inputs: Readonly<Record<string, TensorSpec>>, options: object): readonly ProgramStep[] {
  const made = [op.shape(inputs as never, options)].flat() as readonly TensorSpec[];
  const slots: Slot[] = [];
  const slot = ({ shape, dtype }: TensorSpec, role: Slot['role']): Slot => {
    slots.push({ index: slots.length, role, layout: '', shape, dtype });
    return slots.at(-1)!;
  };
  const given = Object.fromEntries(Object.entries(inputs).map(([name, spec]) => [name, slot(spec, 'external')]));
  const outputs = made.map((spec) => slot(spec, 'result'));
  const graph: Graph = { nodes: [{ op, inputs: given, outputs, options }], slots };
  return compile(graph, { features: new Set(), limits, half: false }).steps;
}

const f32 = (...shape: number[]): TensorSpec => ({ shape, dtype: 'f32' });
const wide = f32(1, 1, 2 ** 12, 2 ** 13);
const rows = f32(2 ** 17, 3, 4, 4);
const labels = (spec: TensorSpec): TensorSpec => ({ shape: [spec.shape[0]!, 1, ...spec.shape.slice(2)], dtype: 'i32' });

/** Calls that take more than 65535 workgroups. */
const calls: readonly (readonly [unknown, Readonly<Record<string, TensorSpec>>, object?])[] = [
  [ops.add, { a: rows, b: rows }],
  [ops.where, { condition: wide, a: wide, b: wide }],
  [ops.cast, { x: wide }, { dtype: 'i32' }],
  [ops.concat, { a: rows, b: rows }],
  [ops.slice, { x: wide }, { start: [0, 0, 1, 1], size: [1, 1, 4000, 8000] }],
  [ops.pad, { x: rows }, { before: [0, 0, 1, 1], after: [0, 0, 1, 1] }],
  [ops.permute, { x: rows }, { order: [1, 0, 2, 3] }],
  [ops.reshape, { x: rows }, { shape: [2 ** 17, 48] }],
  [ops.flip, { x: rows }, { axes: [2] }],
  [ops.conv, { x: wide, weight: f32(1, 1, 3, 3) }, { padding: 1 }],
  [ops.conv, { x: f32(2 ** 21, 3, 4, 4), weight: f32(5, 3, 3, 3) }, { stride: 2, padding: 1 }],
  [ops.convInputGradient, { dy: wide, weight: f32(1, 1, 3, 3) }, { padding: 1, inputSize: [2 ** 12, 2 ** 13] }],
  [ops.convWeightGradient, { x: rows, dy: rows }, { padding: 1, kernel: [3, 3] }],
  [ops.convBiasGradient, { dy: f32(1, 2 ** 17, 2, 2) }],
  [ops.convTranspose, { x: wide, weight: f32(1, 1, 2, 2) }, { stride: 2 }],
  [ops.instanceNormWithMoments, { x: rows }],
  [ops.instanceNormGradient, { x: rows, dy: rows, moments: f32(2 ** 17, 3, 2) }],
  [ops.softmax, { x: f32(2 ** 17, 64) }],
  [ops.argmax, { x: wide }, { axis: 0 }],
  [ops.oneHot, { labels: labels(rows) }],
  [ops.sum, { x: f32(2 ** 17, 128) }, { axes: [1] }],
  [ops.max, { x: f32(2 ** 17, 96) }, { axes: [1] }],
  [ops.maxPool, { x: wide }, { kernel: [2, 2], stride: [1, 1], padding: [0, 0] }],
  [ops.matmul, { a: f32(2 ** 17, 2, 2), b: f32(2 ** 17, 2, 2) }],
  [ops.matmul, { a: f32(2 ** 23, 2), b: f32(2, 2) }],
  [diceCrossEntropyWithSums, { logits: f32(1, 2, 2 ** 28), target: labels(f32(1, 2, 2 ** 28)) }],
  [ops.voxelCrossEntropy, { logits: wide, target: labels(wide) }],
  [ops.gradientNorm, { g: f32(2 ** 29) }],
  [ops.sgd, { weight: f32(2 ** 23), velocity: f32(2 ** 23), gradient: f32(2 ** 23), rate: f32() }],
  [ops.lerp, { mean: f32(2 ** 23), value: f32(2 ** 23), share: f32() }],
];

test.each(calls.map(([op, inputs, options]) => [(op as AnyOp).name, op as AnyOp, inputs, options] as const))(
  '%s asks for no more workgroups along an axis than a dispatch has',
  (_name, op, inputs, options) => {
    const steps = program(op, inputs, { ...(op.defaults as object), ...options });
    for (const { dispatch } of steps) expect(Math.max(...dispatch.workgroups)).toBeLessThanOrEqual(MOST);
    const groups = steps.map(({ dispatch: { workgroups } }) => workgroups.reduce((all, n) => all * n, 1));
    expect(groups.reduce((a, b) => a + b)).toBeGreaterThan(op.name === 'convWeightGradient' ? 100 : MOST);
  },
);

const gpu = await gpuForTests();

test.skipIf(gpu === undefined)(`what is folded keeps its values${gpu ? '' : ' (skipped: no adapter)'}`, async () => {
  const device = await webGpuForTests();
  const size = (MOST + 70) * 64 + 5;
  const x = tensor(
    device,
    Float32Array.from({ length: size }, (_, k) => k % 1021),
    [size],
  );
  const y = await ops.neg({ x }).read();
  expect(y.findIndex((value, k) => value !== -(k % 1021))).toBe(-1);
  expect(y).toHaveLength(size);
  device.dispose();
});
