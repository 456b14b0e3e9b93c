/** The conformance suite on a WebGPU device, over every operation that has a kernel for it. */
import { rules } from '../autograd/rules.ts';
import type { Device } from '../devices/device.ts';
import type { AnyOp, CaseInput, Op } from '../op/op.ts';
import * as ops from '../ops/index.ts';
import { diceCrossEntropyGradient, diceCrossEntropyWithSums } from '../ops/dice-cross-entropy/dice-cross-entropy.ts';
import {
  diceBinaryCrossEntropyGradient,
  diceBinaryCrossEntropyWithSums,
} from '../ops/dice-binary-cross-entropy/dice-binary-cross-entropy.ts';
import { avgPoolGradient, maxPoolGradient } from '../ops/pool/pool.ts';
import { resizeGradient } from '../ops/resize/resize.ts';
import { topMeanGradient, topMeanWithThreshold } from '../ops/top-mean/top-mean.ts';
import { voxelCrossEntropyGradient } from '../ops/voxel-cross-entropy/voxel-cross-entropy.ts';
import { sizeOf } from '../tensor/spec.ts';
import { testOp } from './conformance.ts';
import { webGpuForTests } from './gpu-for-tests.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- operations of every signature are tested */
type TestedOp = Op<any, any, any>;

const lossesWithSums: readonly unknown[] = [
  diceCrossEntropyWithSums,
  diceBinaryCrossEntropyWithSums,
  topMeanWithThreshold,
];
/** Where an order of NaN is not defined. */
const withoutNonFinite: readonly unknown[] = [topMeanWithThreshold, topMeanGradient];
/** Operations that only others call. */
const inner: readonly unknown[] = [
  ...lossesWithSums,
  diceCrossEntropyGradient,
  diceBinaryCrossEntropyGradient,
  topMeanGradient,
  voxelCrossEntropyGradient,
  avgPoolGradient,
  maxPoolGradient,
  resizeGradient,
];

export const gpuOps: readonly TestedOp[] = [...new Set([...(Object.values(ops) as unknown[]), ...inner])].filter(
  (candidate): candidate is TestedOp =>
    typeof candidate === 'function' &&
    'kernels' in candidate &&
    (candidate as unknown as AnyOp).kernels.webgpu !== undefined,
);

let device: Promise<Device> | undefined;
const devices = [{ name: 'webgpu', kind: 'webgpu' as const, open: () => (device ??= webGpuForTests()) }];

export interface GpuTestSettings {
  /** Cases with few elements only, and no more than so many of them: software adapters are slow. Default: all. */
  readonly fewCases?: number;
  /** Default: a device on the adapter found for tests. */
  readonly open?: () => Promise<Device>;
  /** The device stores activations as halves: the tolerance of that holds. */
  readonly half?: boolean;
}

/** Elements of the largest input of a case that counts as small. */
const SMALL = 2000;

/** A half has 11 bits; a few roundings. */
const HALF_TOLERANCE = 4e-3;

export function testGpuOp(op: TestedOp, { fewCases, open, half }: GpuTestSettings = {}): void {
  const definition = op as unknown as AnyOp;
  // Cases that differ from another only by the WASM device's algorithm say nothing new here.
  const distinct = definition.cases.filter(
    (item) =>
      ['auto', undefined].includes((item.options as { algorithm?: string } | undefined)?.algorithm) ||
      item.gradient === true,
  );
  const small = distinct.filter((item) =>
    Object.values(item.inputs as Record<string, CaseInput | undefined>).every(
      (input) => input === undefined || sizeOf(input.shape) <= SMALL,
    ),
  );
  const cases =
    fewCases === undefined
      ? distinct
      : [...small].sort((a, b) => Number(b.gradient ?? false) - Number(a.gradient ?? false)).slice(0, fewCases);
  const { f32, f16, webgpu } = definition.tolerance;
  const fewer = Object.defineProperties((...call: Parameters<TestedOp>) => op(...call) as unknown, {
    ...Object.getOwnPropertyDescriptors(op),
    cases: { value: cases },
    tolerance: { value: { f32: half ? (f16 ?? HALF_TOLERANCE) : (webgpu ?? f32) } },
  }) as unknown as TestedOp;
  const gradient = rules.find((rule) => rule.op === definition);
  // What a loss returns beside the loss is for its gradient alone.
  testOp(fewer, {
    devices: open === undefined ? devices : [{ name: 'webgpu', kind: 'webgpu', open }],
    ...(gradient ? { gradient } : {}),
    ...(lossesWithSums.includes(op) ? { differentiable: [0] } : {}),
    ...(withoutNonFinite.includes(op) ? { nonFinite: 'skip' as const } : {}),
  });
}
