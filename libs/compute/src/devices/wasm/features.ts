/** What this JavaScript engine can do for the WASM device. */

/** A module with one `f32x4.relaxed_madd`: valid only where relaxed SIMD is on. */
const RELAXED_PROBE = new Uint8Array([
  0x00,
  0x61,
  0x73,
  0x6d,
  0x01,
  0x00,
  0x00,
  0x00, // magic, version
  0x01,
  0x08,
  0x01,
  0x60,
  0x03,
  0x7b,
  0x7b,
  0x7b,
  0x01,
  0x7b, // type: (v128, v128, v128) -> v128
  0x03,
  0x02,
  0x01,
  0x00, // one function of type 0
  0x0a,
  0x0d,
  0x01,
  0x0b,
  0x00,
  0x20,
  0x00,
  0x20,
  0x01,
  0x20,
  0x02,
  0xfd,
  0x85,
  0x02,
  0x0b, // local.get 0 1 2; relaxed_madd
]);

interface NodeProcess {
  versions?: { node?: string };
  getBuiltinModule?(name: string): { setFlagsFromString(flag: string): void; availableParallelism(): number };
}

const nodeProcess = (globalThis as { process?: NodeProcess }).process;

/**
 * Whether fused multiply-add kernels can be compiled here. On Node 20 relaxed SIMD exists behind a flag that can be set
 * at run time, for the whole process, before the first compile; newer versions have it on and no longer know the flag.
 */
export function relaxedSimdAvailable(): boolean {
  if (WebAssembly.validate(RELAXED_PROBE)) return true;
  if (nodeProcess?.versions?.node?.split('.')[0] !== '20') return false;
  nodeProcess.getBuiltinModule?.('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(RELAXED_PROBE);
}

/** Whether workers can share memory: always in Node, in browsers only when cross-origin isolated. */
export function sharedMemoryAvailable(): boolean {
  if (nodeProcess?.versions?.node !== undefined) return true;
  return (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
}

export function hardwareThreads(): number {
  return (
    nodeProcess?.getBuiltinModule?.('node:os').availableParallelism() ??
    (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ??
    1
  );
}
