/** Sums and maxima by subgroups and by tree: each runs where it is chosen, and their values agree. */
import { describe, expect, test } from 'vitest';
import { gradientNorm, instanceNorm, softmax, softDice } from '../../ops/index.ts';
import { Philox } from '../../random/index.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { SUBGROUP_ID, workgroupSum } from './workgroup-sum.ts';
import type { WebGpuDevice } from './webgpu-device.ts';

const gpu = await gpuForTests();
const adapter = await gpu?.requestAdapter();
const hasSubgroups =
  adapter?.features.has('subgroups') === true &&
  (gpu!.wgslLanguageFeatures as unknown as ReadonlySet<string>).has(SUBGROUP_ID);

const results: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  instanceNorm: (x) => instanceNorm({ x }),
  softmax: (x) => softmax({ x }, { axis: 3 }),
  gradientNorm: (x) => gradientNorm({ x }, { limit: 1 })[0]!,
  softDice: (logits) =>
    softDice({ logits, target: tensor(logits.device, new Int32Array(2 * 50 * 100).fill(1), [2, 1, 50, 100]) }),
};

/** Results by name, and the shaders that were compiled. */
async function computed(
  device: WebGpuDevice,
): Promise<{ values: Record<string, readonly number[]>; shaders: string[] }> {
  const { gpu: raw } = (device as unknown as { backend: { gpu: GPUDevice } }).backend;
  const shaders: string[] = [];
  const make = raw.createShaderModule.bind(raw);
  raw.createShaderModule = (descriptor) => {
    shaders.push(descriptor.code);
    return make(descriptor);
  };
  const random = new Philox(3);
  const shape = [2, 3, 50, 100];
  const x = tensor(
    device,
    Float32Array.from({ length: 30000 }, () => random.normal()),
    shape,
  );
  const values: Record<string, readonly number[]> = {};
  for (const [name, of] of Object.entries(results)) values[name] = [...(await of(x).read())];
  device.dispose();
  return { values, shaders };
}

test('the text goes by what the adapter and its WGSL have', () => {
  const text = (...features: string[]): string => workgroupSum(new Set(features), 'f32').functions!.join('\n');
  expect(text('subgroups', SUBGROUP_ID)).toContain('subgroupAdd');
  expect(text('subgroups')).not.toContain('subgroupAdd');
  expect(text(SUBGROUP_ID)).not.toContain('subgroupAdd');
});

describe.skipIf(!hasSubgroups)(
  `sums by subgroups${hasSubgroups ? '' : ' (skipped: no adapter with subgroups)'}`,
  () => {
    test('agree with sums by tree', async () => {
      const by = await computed(await webGpuForTests());
      const without = await computed(await webGpuForTests({ without: ['subgroups'] }));
      expect(by.shaders.filter((code) => code.includes('subgroupAdd')).length).toBeGreaterThan(4);
      expect(without.shaders.filter((code) => code.includes('subgroupAdd'))).toEqual([]);
      for (const [name, values] of Object.entries(by.values)) {
        const most = Math.max(...values.map((value, k) => Math.abs(value - without.values[name]![k]!)));
        expect(most, name).toBeLessThan(2e-6 * Math.max(1, ...values.map(Math.abs)));
      }
    });
  },
);
