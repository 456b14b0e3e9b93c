import { createReferenceDevice, createWasmDevice, tensor, type Device, type Tensor } from '@voxelwise/compute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadWeights } from '../module/weights.ts';
import { GOLDEN_NETWORKS, goldenNetwork } from '../testing/golden-network.ts';
import { buildNetwork } from './catalogue.ts';

let wasm: Device;
beforeAll(async () => {
  wasm = await createWasmDevice({ threads: 1 });
});
afterAll(() => wasm.dispose());

describe.each(GOLDEN_NETWORKS)('%s', (name) => {
  it.each(['reference', 'wasm'] as const)('gives the golden logits on %s', async (kind) => {
    const device = kind === 'wasm' ? wasm : createReferenceDevice();
    const golden = goldenNetwork(name);
    const network = buildNetwork(golden.config);
    loadWeights(network, device, golden.weights);
    const input = golden.array('input')!;
    const outputs = network.forward(tensor(device, input.data as Float32Array, input.shape), {
      deepSupervision: true,
    }) as readonly Tensor[];
    for (const [k, output] of outputs.entries()) {
      const expected = golden.array(`logits_ds${k}`)!.data as Float32Array;
      // Some goldens keep the first sample only.
      const found = ((await output.read()) as Float32Array).subarray(0, expected.length);
      let largest = 0;
      let difference = 0;
      expected.forEach((value, i) => {
        largest = Math.max(largest, Math.abs(value));
        difference = Math.max(difference, Math.abs(value - found[i]!));
      });
      expect(difference / largest, `output ${k}`).toBeLessThan(1e-4);
    }
  });
});
