/** The WebGPU device: where its adapter comes from, what is asked of it. */
import { DeviceError } from '../../errors.ts';
import { RecordingDevice } from '../../graph/recording-device.ts';
import type { Device } from '../device.ts';
import { WebGpuBackend } from './webgpu-backend.ts';
import { WANTED_LIMITS } from './limits.ts';
import { MATRIX_FEATURE, tensorCoresAvailable } from './tensor-cores.ts';
import type { WebGpuOptions } from './options.ts';

export { tensorCoresAvailable };
export type { WebGpuOptions };

export interface WebGpuDevice extends Device {
  readonly adapterInfo: GPUAdapterInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  /** Resolves with the error that every later call gets, once the GPU is gone. Recover with a new device and uploads. */
  readonly lost: Promise<DeviceError>;
  /** Milliseconds on the GPU per operation, when profiling. */
  readonly profile: ReadonlyMap<string, number>;
  /** Pipelines made so far. */
  readonly pipelineCount: number;
}

/** What kernels can make use of, asked for where the adapter has it. */
const WANTED_FEATURES = ['shader-f16', 'subgroups', MATRIX_FEATURE, 'timestamp-query'];

/**
 * Makes a WebGPU device with whatever of f16, subgroups and subgroup matrices the adapter has, and its full limits.
 *
 * Throws: DeviceError if there is no WebGPU here or no adapter; it never falls back to another device.
 */
export async function createWebGpuDevice(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const adapter = options.adapter ?? (await findAdapter(options));
  const has = (name: string): boolean =>
    adapter.features.has(name as GPUFeatureName) && !options.without?.includes(name);
  const requiredFeatures = WANTED_FEATURES.filter((name) => has(name)) as GPUFeatureName[];
  const requiredLimits: Record<string, number> = {};
  for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name];
  let gpu: GPUDevice;
  try {
    gpu = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  } catch (error) {
    throw new DeviceError(
      `createWebGpuDevice: the adapter gave no device: ${(error as Error).message}`,
      { features: requiredFeatures },
      { cause: error },
    );
  }
  const backend = new WebGpuBackend(gpu, adapter.info, options, languageFeatures(options));
  const device = new RecordingDevice(backend);
  return Object.defineProperty(
    Object.assign(device, {
      adapterInfo: adapter.info,
      features: gpu.features as ReadonlySet<string>,
      limits: backend.limits,
      lost: backend.lost,
      profile: backend.times?.milliseconds ?? new Map<string, number>(),
    }),
    'pipelineCount',
    { get: () => backend.pipelines.size },
  ) as unknown as WebGpuDevice;
}

function sourceOf({ gpu }: WebGpuOptions): GPU | undefined {
  return gpu ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
}

function languageFeatures(options: WebGpuOptions): ReadonlySet<string> {
  return (sourceOf(options)?.wgslLanguageFeatures as ReadonlySet<string> | undefined) ?? new Set();
}

async function findAdapter(options: WebGpuOptions): Promise<GPUAdapter> {
  const source = sourceOf(options);
  if (source === undefined)
    throw new DeviceError(
      'createWebGpuDevice: no WebGPU here. In Node install the package webgpu and pass { gpu: await createNodeGpu() } from @voxelwise/compute/node; in a browser use a secure page.',
    );
  const adapter = await source.requestAdapter({ powerPreference: options.powerPreference ?? 'high-performance' });
  if (adapter === null)
    throw new DeviceError(
      'createWebGpuDevice: WebGPU is here but has no adapter: no usable GPU driver was found. Use the WASM device instead.',
    );
  return adapter;
}
