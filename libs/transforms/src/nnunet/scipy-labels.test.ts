/** Against scikit-image and SciPy (tools/fixtures/scipy_labels.py): every voxel, where ties at one half hang on the last bit. */
import { createReferenceDevice, createWasmDevice, tensor, type Device } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resampleLabels } from './resampling.ts';

interface Golden {
  readonly shape: PerAxis;
  readonly to: PerAxis;
  readonly order: 0 | 1;
  readonly labels: readonly number[];
  readonly expected: readonly number[];
}

const goldens = JSON.parse(
  gunzipSync(readFileSync(new URL('../../fixtures/scipy-labels.json.gz', import.meta.url))).toString(),
) as Golden[];

const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 2 });
});
afterAll(() => devices['wasm']?.dispose());

describe.each(['reference', 'wasm'])('labels resized on %s', (kind) => {
  it.each(goldens)('$shape to $to, order $order', async ({ shape, to, order, labels, expected }) => {
    const x = tensor(devices[kind]!, Int32Array.from([...labels, ...labels]), [2, ...shape]);
    const made = await resampleLabels(x, to, [1, 1, 1], [1, 1, 1], { order, forceSeparateZ: false });
    expect([...(await made.read())]).toEqual([...expected, ...expected]);
  });
});
