/** What the WASM device is asked on every kind of page. */
import { expect } from 'vitest';
import { conv } from '../ops/index.ts';
import { tensor } from '../tensor/tensor.ts';
import { createReferenceDevice } from '../devices/reference/reference-device.ts';
import type { Device } from '../devices/device.ts';

/** A convolution of whole blocks on `device` gives what the reference gives. */
export async function expectConvolution(device: Device): Promise<void> {
  const x = Float32Array.from({ length: 8 * 4 * 6 * 6 }, (_, k) => Math.sin(k));
  const weight = Float32Array.from({ length: 16 * 8 * 27 }, (_, k) => Math.cos(3 * k) / 15);
  const run = (on: Device): Promise<ArrayLike<number>> =>
    conv({ x: tensor(on, x, [1, 8, 4, 6, 6]), weight: tensor(on, weight, [16, 8, 3, 3, 3]) }, { padding: 1 }).read();
  const want = await run(createReferenceDevice());
  const got = await run(device);
  let worst = 0;
  for (let k = 0; k < want.length; k++) worst = Math.max(worst, Math.abs(want[k]! - got[k]!));
  expect(got.length).toBe(want.length);
  expect(worst).toBeLessThan(1e-4);
}
