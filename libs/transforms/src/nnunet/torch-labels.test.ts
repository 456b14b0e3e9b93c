/** Against PyTorch 1.13 (tools/fixtures/torch_resampling.py): every voxel of labels, images within single precision. */
import { createWasmDevice, tensor, type Device } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resampleData, resampleLabels } from './resampling.ts';
import { resizeLabelsAsTorch, type TorchLabelRule } from './torch-labels.ts';

interface Golden {
  readonly name: string;
  readonly axis: -1 | 0 | 1 | 2;
  readonly shape: PerAxis;
  readonly to: PerAxis;
  readonly rule?: TorchLabelRule;
  readonly labels?: readonly number[];
  readonly image?: readonly number[];
  readonly expected: readonly number[];
}

const goldens = JSON.parse(
  gunzipSync(readFileSync(new URL('../../fixtures/torch-resampling.json.gz', import.meta.url))).toString(),
) as Golden[];
/** Spacings that have the axis resized apart. */
const spacingsOf = ({ axis }: Golden): PerAxis => [0, 1, 2].map((k) => (k === axis ? 5 : 1)) as unknown as PerAxis;

let device: Device;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1 });
});
afterAll(() => device.dispose());

describe('resizing as PyTorch', () => {
  it('has cases of both rules, and voxels on which they differ', () => {
    const [most, half] = (['most', 'above half'] as const).map((rule) => goldens.filter((one) => one.rule === rule));
    expect(most!.length).toBe(6);
    expect(most!.some(({ expected }, k) => expected.some((label, v) => label !== half![k]!.expected[v]))).toBe(true);
  });

  it.each(goldens.filter(({ labels }) => labels))('labels: $name, $rule', async (golden) => {
    const labels = Int32Array.from(golden.labels!);
    const { shape, to, axis, rule } = golden;
    expect([...resizeLabelsAsTorch(labels, { from: shape, to, separateAxis: axis, rule: rule! })]).toEqual(
      golden.expected,
    );
    const spacing = spacingsOf(golden);
    const settings = { order: 1, forceSeparateZ: null, torchLabels: rule! } as const;
    const twice = tensor(device, Int32Array.from([...labels, ...labels]), [2, ...shape]);
    const made = await (await resampleLabels(twice, to, spacing, spacing, settings)).read();
    expect([...made]).toEqual([...golden.expected, ...golden.expected]);
  });

  it.each(goldens.filter(({ image }) => image))('images: $name', async (golden) => {
    const x = tensor(device, Float32Array.from(golden.image!), [1, ...golden.shape]);
    const spacing = spacingsOf(golden);
    const made = await resampleData(x, golden.to, spacing, spacing, { order: 1, forceSeparateZ: null }).read();
    golden.expected.forEach((value, v) => expect(Math.abs(made[v]! - value)).toBeLessThan(2e-6));
  });
});
