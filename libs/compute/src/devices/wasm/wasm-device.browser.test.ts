/** The WASM device on a cross-origin isolated page: memory is shared, workers run, the page's thread stays free. */
import { expect, test } from 'vitest';
import { expectConvolution } from '../../testing/convolution-on-page.ts';
import { sharedMemoryAvailable } from './features.ts';
import { createWasmDevice } from './wasm-device.ts';

test('two threads compute in workers', async () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
  expect(sharedMemoryAvailable()).toBe(true);
  const device = await createWasmDevice({ threads: 2 });
  expect(device.threads).toBe(2);
  await expectConvolution(device);
  device.dispose();
});

test('one thread computes on the page', async () => {
  const device = await createWasmDevice({ threads: 1 });
  await expectConvolution(device);
  device.dispose();
});
