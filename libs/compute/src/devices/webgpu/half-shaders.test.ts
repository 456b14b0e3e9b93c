/**
 * Kernels with activations stored as halves, where no adapter at hand has shader-f16: Dawn's null backend compiles every
 * shader as a GPU with all features would, and computes nothing. Values are proved by the bench bundle on a real adapter.
 */
import { describe, expect, test } from 'vitest';
import type { AnyOp, CaseInput } from '../../op/op.ts';
import { gpuOps } from '../../testing/gpu-conformance.ts';
import { draw } from '../../testing/draw.ts';
import { gpuForTests } from '../../testing/gpu-for-tests.ts';
import { scope } from '../../tensor/scope.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { createNodeGpu } from './node-gpu.ts';
import matrixShader from '../../generated/wgsl/conv-product-matrix.ts';
import { PipelineCache } from './pipelines.ts';
import { createWebGpuDevice } from './webgpu-device.ts';

const gpu = (await gpuForTests()) && (await createNodeGpu({ switches: ['backend=null'] }));

describe.skipIf(gpu === undefined)(`shaders with halves${gpu ? '' : ' (skipped: no package webgpu)'}`, async () => {
  const device = gpu && (await createWebGpuDevice({ gpu, halfActivations: true }));

  test.each(gpuOps.map((op) => [op.name, op] as const))('%s compiles', async (_name, op) => {
    const definition = op as unknown as AnyOp;
    for (const [number, item] of definition.cases.slice(0, 3).entries()) {
      const inputs = item.inputs as Readonly<Record<string, CaseInput | undefined>>;
      const outputs = scope(() => {
        const given = Object.fromEntries(
          Object.entries(inputs).map(([name, input], k) => {
            if (input === undefined) return [name, undefined];
            const { data, shape, dtype } = draw(input, 10 * number + k);
            const uploaded = tensor(device!, data, shape, dtype);
            // What another kernel made is stored as halves; uploads and what is written in place are not.
            const isHalf =
              dtype === 'f32' && (shape.length === 4 || shape.length === 5) && !definition.mutates?.includes(name);
            return [name, isHalf ? copied(uploaded) : uploaded];
          }),
        );
        const made = op(given, item.options) as Tensor | readonly Tensor[];
        return Array.isArray(made) ? [...(made as readonly Tensor[])] : [made as Tensor];
      });
      await device!.flush();
      for (const output of outputs)
        await expect(output.read()).resolves.toHaveLength(output.shape.reduce((all, n) => all * n, 1));
      for (const output of outputs) output.dispose();
    }
  });

  test('the product with subgroup matrices compiles', async () => {
    const { gpu: raw } = (device as unknown as { backend: { gpu: GPUDevice } }).backend;
    const dispatch = {
      shader: matrixShader,
      enables: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
      constants: { ALIGNED: true, TABLE: 64, SIDE: 16, DEPTH: 16, SUBGROUP: 32 },
      bindings: [],
      workgroups: [1, 1, 1],
    } as const;
    for (const Y of ['f16', 'f32'] as const)
      await expect(new PipelineCache(raw).get({ ...dispatch, types: { Y } }, 'conv')).resolves.toBeDefined();
  });

  test('asked for where the adapter lacks what they need, subgroup matrices are refused', async () => {
    await expect(createWebGpuDevice({ gpu: gpu!, tensorCores: true })).rejects.toThrow(/subgroup matrices/);
  });

  test('a result of rank 4 takes half the memory', async () => {
    const x = tensor(device!, new Float32Array(4096), [1, 1, 64, 64]);
    const before = device!.memory().bytes;
    const y = copied(x);
    await device!.flush();
    expect(device!.memory().bytes - before).toBe(4096 * 2);
    y.dispose();
    x.dispose();
  });
});

/** The same numbers as the result of a kernel. */
function copied(x: Tensor): Tensor {
  const neg = gpuOps.find((op) => op.name === 'neg')!;
  return neg({ x }) as Tensor;
}
