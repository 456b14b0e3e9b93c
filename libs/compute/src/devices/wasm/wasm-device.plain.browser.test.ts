/** The WASM device on a page that is not cross-origin isolated: one thread, and it says so. */
import { expect, test } from 'vitest';
import { expectConvolution } from '../../testing/convolution-on-page.ts';
import { sharedMemoryAvailable } from './features.ts';
import { createWasmDevice } from './wasm-device.ts';

test('asked for two threads it computes with one', async () => {
  expect(globalThis.crossOriginIsolated).toBe(false);
  expect(sharedMemoryAvailable()).toBe(false);
  const device = await createWasmDevice({ threads: 2 });
  expect(device.threads).toBe(1);
  expect(device.name).toContain('1 thread');
  await expectConvolution(device);
  device.dispose();
});
