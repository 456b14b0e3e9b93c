/** A WebGPU device in Node, through the optional package `webgpu`. */
import { createWebGpuDevice, DeviceError, type Device, type WebGpuOptions } from '@voxelwise/compute';
import { createNodeGpu } from '@voxelwise/compute/node';
import { existsSync, readdirSync } from 'node:fs';

/** Names by which software adapters are known. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/** Throws: DeviceError if no adapter is there, or only a software one and it was not `named`. */
export async function openNodeGpu(named: boolean, options: Pick<WebGpuOptions, 'autotune'> = {}): Promise<Device> {
  if (!named && !mayHaveGpu()) throw new DeviceError('webgpu: no graphics driver is installed here.');
  const gpu = await createNodeGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new DeviceError('webgpu: no GPU adapter here; use --device wasm.');
  const { vendor, architecture, device, description } = adapter.info;
  const described = [vendor, architecture, device, description].join(' ');
  if (!named && SOFTWARE.test(described))
    throw new DeviceError(`webgpu: the only adapter is software (${described.trim()}).`);
  return createWebGpuDevice({ ...options, gpu, adapter });
}

/** On Linux a GPU needs a Vulkan driver's manifest; looking first spares the loader's complaints on stderr. */
function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  if (process.env['VK_ICD_FILENAMES'] ?? process.env['VK_DRIVER_FILES']) return true;
  return ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'].some(
    (folder) => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.json')),
  );
}

/** The GPU adapter in words, or why there is none. */
export async function describeGpu(): Promise<string> {
  if (!mayHaveGpu()) return 'none (no graphics driver): computing on the processor';
  try {
    const gpu = await createNodeGpu();
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter === null) return 'no adapter: computing on the processor';
    const { vendor, architecture, device, description } = adapter.info;
    const features = ['shader-f16', 'subgroups'].filter((name) => adapter.features.has(name));
    return `${[vendor, architecture, description || device].filter(Boolean).join(' ')}, buffers up to ${Math.round(adapter.limits.maxStorageBufferBindingSize / 2 ** 20)} MB${features.length > 0 ? `, ${features.join(', ')}` : ''}`;
  } catch (error) {
    return `none (${(error as Error).message.split('\n')[0]})`;
  }
}
