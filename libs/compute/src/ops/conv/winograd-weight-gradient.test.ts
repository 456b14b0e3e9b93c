/** Weight gradients large enough to be split into lanes, chunks and parts of positions: the conformance cases are too small for that. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createReferenceDevice } from '../../devices/reference/reference-device.ts';
import { createWasmDevice, type WasmDevice } from '../../devices/wasm/wasm-device.ts';
import type { Device } from '../../devices/device.ts';
import { Philox } from '../../random/philox.ts';
import { tensor } from '../../tensor/tensor.ts';
import { convWeightGradient } from './conv-gradients.ts';
import type { ConvAlgorithm } from './geometry.ts';

const devices: WasmDevice[] = [];
beforeAll(async () => {
  for (const threads of [1, 2, 3, 8]) devices.push(await createWasmDevice({ threads }));
});
afterAll(() => devices.forEach((device) => device.dispose()));

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly size: readonly number[];
  readonly kernel: readonly number[];
}

async function gradient(device: Device, layer: Layer, algorithm: ConvAlgorithm): Promise<Float32Array> {
  const rng = new Philox(5);
  const put = (channels: number) => {
    const shape = [3, channels, ...layer.size];
    const data = Float32Array.from({ length: shape.reduce((all, n) => all * n, 1) }, () => rng.normal());
    return tensor(device, data, shape);
  };
  const x = put(layer.inputs);
  const dy = put(layer.outputs);
  const padding = layer.kernel.map((k) => k >> 1);
  const made = convWeightGradient({ x, dy }, { padding, algorithm, kernel: layer.kernel });
  const read = (await made.read()) as Float32Array;
  for (const held of [x, dy, made]) held.dispose();
  return read;
}

const layers: readonly (Layer & { readonly algorithm: ConvAlgorithm })[] = [
  { algorithm: 'F2x4x4', inputs: 24, outputs: 12, size: [9, 22, 39], kernel: [3, 3, 3] },
  // One lane: threads share the positions.
  { algorithm: 'F2x4x4', inputs: 112, outputs: 136, size: [3, 6, 9], kernel: [3, 3, 3] },
  { algorithm: 'F4x4x4', inputs: 24, outputs: 12, size: [9, 22, 39], kernel: [3, 3, 3] },
  { algorithm: 'F4', inputs: 24, outputs: 12, size: [7, 22, 39], kernel: [3, 3, 3] },
  { algorithm: 'F4', inputs: 16, outputs: 40, size: [61, 70], kernel: [3, 3] },
  { algorithm: 'F2', inputs: 16, outputs: 16, size: [6, 30, 41], kernel: [1, 3, 3] },
  { algorithm: 'F2', inputs: 400, outputs: 400, size: [5, 5], kernel: [3, 3] },
];

for (const layer of layers)
  it(`${layer.algorithm}, ${layer.inputs} → ${layer.outputs}, ${layer.size.join('×')}: the sums of the reference, the same bits for any number of threads`, async () => {
    const want = await gradient(createReferenceDevice(), layer, 'direct');
    const got = await Promise.all(devices.map((device) => gradient(device, layer, layer.algorithm)));
    const square = (values: Float32Array): number => values.reduce((sum, v) => sum + v * v, 0);
    expect(Math.sqrt(square(got[0]!.map((v, k) => v - want[k]!)) / square(want))).toBeLessThan(5e-6);
    for (const other of got.slice(1))
      expect(Buffer.compare(Buffer.from(other.buffer), Buffer.from(got[0]!.buffer))).toBe(0);
  });
