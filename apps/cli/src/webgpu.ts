/** A WebGPU device in Node, through the optional package `webgpu`. */
import { createWebGpuDevice, DeviceError, type Device } from '@voxelwise/compute';
import { createNodeGpu } from '@voxelwise/compute/node';

/** Names by which software adapters are known. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/** Throws: DeviceError if no adapter is there, or only a software one and it was not `named`. */
export async function openNodeGpu(named: boolean): Promise<Device> {
  const gpu = await createNodeGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new DeviceError('webgpu: no GPU adapter here; use --device wasm.');
  const { vendor, architecture, device, description } = adapter.info;
  const described = [vendor, architecture, device, description].join(' ');
  if (!named && SOFTWARE.test(described)) throw new DeviceError(`webgpu: the only adapter is software (${described.trim()}).`);
  return createWebGpuDevice({ adapter });
}
