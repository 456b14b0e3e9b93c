/** Finds a GPU to test on: the page's, the machine's, or the software one that comes with Debian's Chromium. */
import { createWebGpuDevice, type WebGpuDevice, type WebGpuOptions } from '../devices/webgpu/webgpu-device.ts';

interface NodeProcess {
  env: Record<string, string | undefined>;
  getBuiltinModule?(name: 'node:fs'): { existsSync(path: string): boolean; readdirSync(path: string): string[] };
}

/** Where Debian's chromium-common puts the manifest of SwiftShader. */
const SOFTWARE_DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json';

/**
 * SwiftShader unrolls the initialization of workgroup memory by this Vulkan extension element by element; without it Dawn
 * writes a loop, and pipelines compile some ten times faster.
 */
const SLOW_COMPILING = 'use_vulkan_zero_initialize_workgroup_memory_extension';

let found: Promise<GPU | undefined> | undefined;

/** The source of adapters, or undefined where none has an adapter: tests then skip and say so. */
export function gpuForTests(): Promise<GPU | undefined> {
  found ??= search();
  return found;
}

/** Names the manifest (.json) of a Vulkan driver with shader-f16 for tests with halves, such as Mesa's lavapipe. */
const HALF_DRIVER = 'VOXELWISE_F16_DRIVER';

/**
 * As `gpuForTests`, with an adapter that has shader-f16: the driver that VOXELWISE_F16_DRIVER names, else the machine's own.
 *
 * Throws: Error where the driver that was named has no such adapter.
 */
export async function gpuWithHalves(): Promise<GPU | undefined> {
  const env = (globalThis as { process?: NodeProcess }).process?.env;
  const driver = env?.[HALF_DRIVER];
  // The Vulkan loader looks when Dawn starts.
  if (driver) env!['VK_DRIVER_FILES'] = env!['VK_ICD_FILENAMES'] = driver;
  const gpu = await gpuForTests();
  const has = (await gpu?.requestAdapter())?.features.has('shader-f16');
  if (driver && !has) throw new Error(`${HALF_DRIVER}: the driver ${driver} has no adapter with shader-f16.`);
  return has ? gpu : undefined;
}

/** A device to test on. Call only where `gpuForTests` found one. */
export async function webGpuForTests(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  return createWebGpuDevice({ ...options, gpu: (await gpuForTests())! });
}

async function search(): Promise<GPU | undefined> {
  const page = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  const node =
    (globalThis as { process?: NodeProcess }).process?.getBuiltinModule === undefined
      ? undefined
      : (globalThis as unknown as { process: NodeProcess }).process;
  if (node === undefined) return (await page?.requestAdapter()) ? page : undefined;
  // Not a literal: a browser bundle of the tests must not follow it.
  const path = '../devices/webgpu/node-gpu.ts';
  const { createNodeGpu } = (await import(/* @vite-ignore */ path)) as typeof import('../devices/webgpu/node-gpu.ts');
  try {
    if (!hasDriver(node)) {
      if (!node.getBuiltinModule!('node:fs').existsSync(SOFTWARE_DRIVER)) return undefined;
      node.env['VK_ICD_FILENAMES'] = SOFTWARE_DRIVER;
    }
    const gpu = await createNodeGpu({ disable: [SLOW_COMPILING] });
    return (await gpu.requestAdapter()) === null ? undefined : gpu;
  } catch {
    // The optional package is not installed.
    return undefined;
  }
}

/** Whether Vulkan would find a driver by itself; asking it where there is none prints warnings. */
function hasDriver(node: NodeProcess): boolean {
  if (node.env['VK_ICD_FILENAMES'] !== undefined || node.env['VK_DRIVER_FILES'] !== undefined) return true;
  const fs = node.getBuiltinModule!('node:fs');
  return ['/etc/vulkan/icd.d', '/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'].some(
    (folder) => fs.existsSync(folder) && fs.readdirSync(folder).some((name) => name.endsWith('.json')),
  );
}
