/** The conformance suite on a WebGPU device, over every operation that has a kernel for it. */
import { rules } from '../autograd/rules.ts';
import type { Device } from '../devices/device.ts';
import type { AnyOp, CaseInput } from '../op/op.ts';
import { sizeOf } from '../tensor/spec.ts';
import { testOp } from './conformance.ts';
import { everyOperation, withoutNonFinite, withSums, type TestedOp } from './every-operation.ts';
import { webGpuForTests } from './gpu-for-tests.ts';

export const gpuOps: readonly TestedOp[] = everyOperation.filter(
  (op) => (op as unknown as AnyOp).kernels.webgpu !== undefined,
);

let device: Promise<Device> | undefined;
const devices = [{ name: 'webgpu', kind: 'webgpu' as const, open: () => (device ??= webGpuForTests()) }];

export interface GpuTestSettings {
  /** Cases with few elements only, and no more than so many of them: software adapters are slow. Default: all. */
  readonly fewCases?: number;
  /** Default: a device on the adapter found for tests. */
  readonly open?: () => Promise<Device>;
  /** The device stores activations as halves: inputs are given so, and the tolerance of that holds. */
  readonly half?: boolean;
  /** Default true: derivatives are held against finite differences too, and not only against the reference's. */
  readonly finiteDifferences?: boolean;
}

/** Elements of the largest input of a case that counts as small. */
const SMALL = 2000;

/** The greatest number of a half. */
const MOST_HALF = 65504;

/** A half has 11 bits; a few roundings. */
const HALF_TOLERANCE = 4e-3;

export function testGpuOp(
  op: TestedOp,
  { fewCases, open, half, finiteDifferences = true }: GpuTestSettings = {},
): void {
  const definition = op as unknown as AnyOp;
  const held = (input: CaseInput | undefined): boolean =>
    !half ||
    !Array.isArray(input?.fill) ||
    input.fill.every((value: number) => !Number.isFinite(value) || Math.abs(value) <= MOST_HALF);
  // Cases that differ from another only by the WASM device's algorithm say nothing new here.
  const distinct = definition.cases.filter(
    (item) =>
      (['auto', undefined].includes((item.options as { algorithm?: string } | undefined)?.algorithm) ||
        item.gradient === true) &&
      Object.values(item.inputs as Record<string, CaseInput | undefined>).every(held),
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
  // What is returned beside the result is for the gradient alone.
  testOp(fewer, {
    devices: open === undefined ? devices : [{ name: 'webgpu', kind: 'webgpu', open }],
    ...(half ? { halves: true } : {}),
    withoutFiniteDifferences: !finiteDifferences,
    ...(gradient ? { gradient } : {}),
    ...(withSums.includes(op) ? { differentiable: [0] } : {}),
    ...(withoutNonFinite.includes(op) ? { nonFinite: 'skip' as const } : {}),
  });
}
