/** The conformance suite on a WebGPU device, over every operation that has a kernel for it. */
import { rules } from '../autograd/rules.ts';
import type { Device } from '../devices/device.ts';
import type { AnyOp, Op } from '../op/op.ts';
import * as ops from '../ops/index.ts';
import { diceCrossEntropyGradient, diceCrossEntropyWithSums } from '../ops/dice-cross-entropy/dice-cross-entropy.ts';
import { testOp } from './conformance.ts';
import { webGpuForTests } from './gpu-for-tests.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- operations of every signature are tested */
type TestedOp = Op<any, any, any>;

/** Operations that only others call. */
const inner: readonly unknown[] = [diceCrossEntropyWithSums, diceCrossEntropyGradient];

export const gpuOps: readonly TestedOp[] = [...new Set([...(Object.values(ops) as unknown[]), ...inner])].filter(
  (candidate): candidate is TestedOp => typeof candidate === 'function' && 'kernels' in candidate && (candidate as unknown as AnyOp).kernels.webgpu !== undefined,
);

let device: Promise<Device> | undefined;
const devices = [{ name: 'webgpu', kind: 'webgpu' as const, open: () => (device ??= webGpuForTests()) }];

/** Cases that differ from another only by the WASM device's algorithm say nothing new here. */
function isRepeat(options: { readonly algorithm?: string } | undefined): boolean {
  return options?.algorithm === 'F2' || options?.algorithm === 'F4';
}

export function testGpuOp(op: TestedOp): void {
  const definition = op as unknown as AnyOp;
  const cases = definition.cases.filter((item) => !isRepeat(item.options as { algorithm?: string } | undefined));
  const fewer = Object.defineProperties((...call: Parameters<TestedOp>) => op(...call) as unknown, { ...Object.getOwnPropertyDescriptors(op), cases: { value: cases } }) as unknown as TestedOp;
  const gradient = rules.find((rule) => rule.op === definition);
  testOp(fewer, { devices, ...(gradient ? { gradient } : {}) });
}
