/** What this machine is: for `doctor`, for the report, for budgets. */
import { hardwareThreads, relaxedSimdAvailable, sharedMemoryAvailable } from '@voxelwise/compute';
import { statfs } from 'node:fs/promises';
import { arch, cpus, freemem, platform, release, totalmem } from 'node:os';

export interface MachineReport {
  readonly system: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly simd: 'relaxed' | 'simd';
  readonly sharedMemory: boolean;
  readonly memoryBytes: number;
  readonly freeMemoryBytes: number;
  readonly freeDiskBytes: number;
}

export async function describeMachine(folder: string): Promise<MachineReport> {
  const disk = await statfs(folder).catch(() => undefined);
  return {
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: hardwareThreads(),
    simd: relaxedSimdAvailable() ? 'relaxed' : 'simd',
    sharedMemory: sharedMemoryAvailable(),
    memoryBytes: totalmem(),
    freeMemoryBytes: freemem(),
    freeDiskBytes: disk ? disk.bavail * disk.bsize : 0,
  };
}

/** The most memory this process ever had resident, in bytes. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
