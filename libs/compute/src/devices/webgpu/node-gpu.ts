/** WebGPU in Node, through the optional package `webgpu` (Dawn). Never reached from a browser bundle. */
import { DeviceError } from '../../errors.ts';

export interface NodeGpuOptions {
  /** `key=value` switches for Dawn, such as `backend=vulkan` or `adapter=name`. */
  readonly switches?: readonly string[];
  /** Dawn's toggles by name, such as `disable_robustness`; experimental features are always on. */
  readonly enable?: readonly string[];
  readonly disable?: readonly string[];
}

/** The GPU object must stay reachable: when it is collected the process dies. One per list of switches. */
const KEPT = Symbol.for('voxelwise.gpu');

/**
 * The counterpart of a browser's `navigator.gpu`; experimental features such as subgroup matrices are visible.
 *
 * Throws: DeviceError if the package `webgpu` is missing or has no binary for this platform.
 */
export async function createNodeGpu({ switches = [], enable = [], disable = [] }: NodeGpuOptions = {}): Promise<GPU> {
  const store = globalThis as { [KEPT]?: Map<string, GPU> };
  const kept = (store[KEPT] ??= new Map());
  const given = [
    `enable-dawn-features=${['allow_unsafe_apis', ...enable].join()}`,
    ...(disable.length > 0 ? [`disable-dawn-features=${disable.join()}`] : []),
    ...switches,
  ];
  const key = given.join(' ');
  let gpu = kept.get(key);
  if (gpu === undefined) {
    let dawn: typeof import('webgpu');
    try {
      dawn = await import('webgpu');
    } catch (error) {
      throw new DeviceError(
        'createNodeGpu: the optional package webgpu is missing or has no binary for this platform; run `npm install webgpu`, or use the WASM device.',
        {},
        { cause: error },
      );
    }
    gpu = dawn.create(given);
    kept.set(key, gpu);
  }
  return gpu;
}
