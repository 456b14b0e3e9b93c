/** How --max-memory is divided: what the program holds already, what it will take once a device runs, the device, and what lies beside it. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Context } from './context.ts';
import { ResourceError } from './exit.ts';
import { formatBytes } from './values.ts';

/** Threads, compiled kernels and small buffers: 20 to 40 MB once a device of two threads computes. */
const RUNNING_BYTES = 48 * 2 ** 20;
/** Share of --max-memory that the device may take; the rest is for files, images and segmentations beside it. */
const DEVICE_SHARE = 0.75;
/** The most a WASM memory can hold. */
export const WASM_BYTES = 2 ** 32;
/** Less is no device. */
const LEAST_DEVICE_BYTES = 2 ** 22;

let collect: (() => void) | undefined;

/** Collects what nobody holds any more: memories of disposed devices above all, which the engine is in no hurry to give back. */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}

/** Bytes that this process has resident once it has been collected. */
export function residentBytes(): number {
  collectGarbage();
  return process.memoryUsage.rss();
}

/** What of --max-memory is left for a device and the work on it; Infinity without a limit. */
export function bytesLeft({ maxMemory }: Pick<Context, 'maxMemory'>): number {
  return maxMemory === undefined ? Infinity : maxMemory - residentBytes() - RUNNING_BYTES;
}

/**
 * The device's part of --max-memory, where work takes `beside` bytes next to it.
 * Throws: ResourceError where nothing is left for a device.
 */
export function deviceBytes(context: Pick<Context, 'maxMemory'>, beside = 0): number {
  const { maxMemory } = context;
  if (maxMemory === undefined) return WASM_BYTES;
  const left = bytesLeft(context) - beside;
  if (left < LEAST_DEVICE_BYTES)
    throw new ResourceError(
      `--max-memory ${formatBytes(maxMemory)}: ${beside > 0 ? `the program and what lies beside the device take` : 'the program alone takes'} ${formatBytes(maxMemory - left)} of memory before any work; give it more.`,
      { maxMemory, needed: maxMemory - left + LEAST_DEVICE_BYTES },
    );
  return Math.min(DEVICE_SHARE * maxMemory, left, WASM_BYTES);
}

/** What some work takes at its peak. */
export interface Need {
  readonly device: number;
  readonly host: number;
}

/** Plans and the device's own accounts differ by pieces that do not fit beside each other. */
const PIECES = 1.05;

/** Whether --max-memory, and the device's share of it, hold this much. */
export function holds(context: Pick<Context, 'maxMemory'>, { device, host }: Need): boolean {
  const { maxMemory } = context;
  if (maxMemory === undefined) return PIECES * device <= WASM_BYTES;
  return device * PIECES <= Math.min(DEVICE_SHARE * maxMemory, bytesLeft(context) - host, WASM_BYTES);
}

/** The --max-memory that holds this much; undefined where no WASM memory does. */
export function limitFor({ device, host }: Need): number | undefined {
  if (PIECES * device > WASM_BYTES) return undefined;
  return Math.ceil(
    Math.max((device * PIECES) / DEVICE_SHARE, residentBytes() + RUNNING_BYTES + host + device * PIECES),
  );
}

/** Throws: ResourceError naming the work, what it takes, and the limit that it needs. */
export function refuse(context: Pick<Context, 'maxMemory'>, what: string, need: Need): never {
  const limit = limitFor(need);
  const parts = `${formatBytes(need.device)} on the device, ${formatBytes(need.host)} beside it`;
  const advice =
    limit === undefined
      ? `a WASM memory holds at most ${formatBytes(WASM_BYTES)}; use a GPU`
      : `it fits into --max-memory ${Math.ceil(limit / 2 ** 20)}MB`;
  throw new ResourceError(
    `${what} does not fit into memory${context.maxMemory === undefined ? '' : ` of ${formatBytes(context.maxMemory)}`}: it takes about ${parts}; ${advice}.`,
    { maxMemory: context.maxMemory, needed: limit, device: need.device, host: need.host },
  );
}
