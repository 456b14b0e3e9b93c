/** Every device that exists here, made once per process and named for test titles. */
import type { Device } from '../devices/device.ts';
import { relaxedSimdAvailable, sharedMemoryAvailable } from '../devices/wasm/features.ts';
import { createWasmDevice } from '../devices/wasm/wasm-device.ts';

export interface DeviceUnderTest {
  readonly name: string;
  readonly kind: 'wasm' | 'webgpu';
  open(): Promise<Device>;
}

function once(name: string, kind: DeviceUnderTest['kind'], make: () => Promise<Device>): DeviceUnderTest {
  let device: Promise<Device> | undefined;
  return { name, kind, open: () => (device ??= make()) };
}

/** The WASM device: one thread and two, both builds where the engine has relaxed SIMD. */
export const wasmDevices: readonly DeviceUnderTest[] = [true, false]
  .filter((deterministic) => deterministic || relaxedSimdAvailable())
  .flatMap((deterministic) =>
    [1, 2]
      .filter((threads) => threads === 1 || sharedMemoryAvailable())
      .map((threads) =>
        once(`wasm ${deterministic ? 'simd' : 'relaxed'}, ${threads} thread${threads > 1 ? 's' : ''}`, 'wasm', () =>
          createWasmDevice({ threads, deterministic }),
        ),
      ),
  );
