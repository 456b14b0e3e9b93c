/**
 * The suite every operation runs: on each device that exists here its cases give the reference's values (in both layouts
 * of the WASM device, the same bits for any number of threads), non-finite numbers come through, and its derivative agrees
 * with finite differences.
 */
import { describe as group, expect, it } from 'vitest';
import type { GradientRule } from '../autograd/gradient.ts';
import { rules } from '../autograd/rules.ts';
import type { Device } from '../devices/device.ts';
import { canBeBlocked } from '../devices/wasm/layouts.ts';
import { mayBeHalf } from '../devices/webgpu/compile.ts';
import { createReferenceDevice } from '../devices/reference/reference-device.ts';
import type { AnyOp, HostTensor, Op } from '../op/op.ts';
import { untaped } from '../op/tape.ts';
import { scope } from '../tensor/scope.ts';
import { sizeOf, type HostArray, type TensorSpec } from '../tensor/spec.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';
import { difference, type NonFinite } from './compare.ts';
import { wasmDevices, type DeviceUnderTest } from './devices.ts';
import { draw } from './draw.ts';
import { sampledDerivatives } from './finite-differences.ts';
import { blockedStorage, roundedToHalves, storedBlocked, storedHalf } from './layouts.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- operations of every signature are tested */
type TestedOp = Op<any, any, any>;
type HostInputs = Readonly<Record<string, HostTensor | undefined>>;

export interface ConformanceSettings {
  /** Default: the WASM builds and thread counts, and WebGPU where an adapter exists. */
  readonly devices?: readonly DeviceUnderTest[];
  /** Default `spreads`; undefined-by-design operations pass `skip`. */
  readonly nonFinite?: NonFinite | 'skip';
  /** The derivative, if it is not in autograd/rules.ts. */
  readonly gradient?: GradientRule;
  /** Outputs through which gradients flow; default all. */
  readonly differentiable?: readonly number[];
  /** Greatest difference between derivative and finite differences, relative as the tolerance is. */
  readonly gradientTolerance?: number;
  /** WebGPU devices that store activations as halves: inputs are given as kernels of such a device leave them. */
  readonly halves?: boolean;
  /** Holds derivatives against the reference's alone, which another run has held against finite differences. Default false. */
  readonly withoutFiniteDifferences?: boolean;
}

/** How inputs lie on the device. */
type Storage = 'plain' | 'blocked' | 'half';

interface Outcome {
  readonly outputs: readonly HostArray[];
  readonly inputs: Readonly<Record<string, HostArray>>;
}

/** Registers the suite for one operation. */
export function testOp(tested: TestedOp, settings: ConformanceSettings = {}): void {
  const op = tested as unknown as AnyOp;
  const devices = (settings.devices ?? wasmDevices).filter((device) => op.kernels[device.kind] !== undefined);
  const rule = settings.gradient ?? rules.find((candidate) => candidate.op === op);
  const tolerance = op.tolerance.f32;
  group(op.name, () => {
    it('has cases, and a kernel on some device', () => {
      expect(op.cases.length).toBeGreaterThan(0);
      expect(devices.length).toBeGreaterThan(0);
    });
    op.cases.forEach((testCase, number) => {
      const options = { ...(op.defaults as object), ...(testCase.options as object | undefined) };
      const inputs: HostInputs = Object.fromEntries(
        Object.entries(testCase.inputs as Record<string, Parameters<typeof draw>[0] | undefined>).map(
          ([name, input], k) => {
            const drawn = input && draw(input, 1000 * number + k);
            return [name, drawn && settings.halves && !op.mutates?.includes(name) ? roundedToHalves(drawn) : drawn];
          },
        ),
      );
      const specs = specsOf(op, inputs, options);
      it(`${testCase.name}: values`, async () => {
        const want = await run(tested, createReferenceDevice(), inputs, options, 'plain');
        const bits = new Map<string, Outcome>();
        for (const device of devices) {
          for (const storage of storages(
            device,
            settings,
            Object.values(inputs).some((input) => input && canBeBlocked(input)),
          )) {
            const got = await run(tested, await device.open(), inputs, options, storage);
            expectClose(got, want, tolerance, 'exact', `${device.name}, ${storage}`);
            const build = `${device.name.split(',')[0]}, ${storage}`;
            const before = bits.get(build);
            if (before === undefined) bits.set(build, got);
            else expect(got, `${device.name}: the same bits for any number of threads`).toEqual(before);
          }
        }
      });
      const nonFinite = settings.nonFinite ?? 'spreads';
      if (
        nonFinite !== 'skip' &&
        specs.every((spec) => spec.dtype === 'f32') &&
        Object.values(inputs).some((input) => input?.dtype === 'f32')
      )
        it(`${testCase.name}: NaN and infinities`, async () => {
          const spoiled = spoil(inputs);
          const want = await run(tested, createReferenceDevice(), spoiled, options, 'plain');
          for (const device of devices)
            expectClose(
              await run(tested, await device.open(), spoiled, options, settings.halves ? 'half' : 'plain'),
              want,
              tolerance,
              nonFinite,
              device.name,
            );
        });
      if (rule !== undefined && testCase.gradient !== false)
        it(`${testCase.name}: derivative`, () =>
          checkDerivative(tested, rule, inputs, options, specs, devices, settings));
    });
  });
}

async function checkDerivative(
  tested: TestedOp,
  rule: GradientRule,
  inputs: HostInputs,
  options: object,
  outputs: readonly TensorSpec[],
  devices: readonly DeviceUnderTest[],
  settings: ConformanceSettings,
): Promise<void> {
  const { differentiable, gradientTolerance: allowed = 2e-4, halves } = settings;
  const op = tested as unknown as AnyOp;
  const weights = outputs.map((spec, k) =>
    spec.dtype === 'f32' && (differentiable?.includes(k) ?? true)
      ? (halves ? roundedToHalves(draw({ shape: spec.shape }, 99 + k)) : draw({ shape: spec.shape }, 99 + k)).data
      : undefined,
  );
  const want = await backward(tested, rule, createReferenceDevice(), inputs, options, weights, 'plain');
  expect(Object.keys(want).length, 'the rule gives a gradient for at least one input').toBeGreaterThan(0);
  for (const [name, gradient] of settings.withoutFiniteDifferences ? [] : Object.entries(want)) {
    const sampled = sampledDerivatives(op, inputs, options, outputs, weights, name);
    const off = difference(
      Float32Array.from(sampled, ({ index }) => gradient[index]),
      sampled.map(({ value }) => value),
      allowed,
    );
    expect(off, `gradient of ${name} against finite differences`).toBeUndefined();
  }
  for (const device of devices) {
    for (const storage of storages(device, settings, true)) {
      const got = await backward(tested, rule, await device.open(), inputs, options, weights, storage);
      for (const [name, gradient] of Object.entries(want))
        expect(
          difference(got[name], gradient, 20 * Math.max(op.tolerance.f32, 1e-6)),
          `gradient of ${name} on ${device.name}, ${storage}`,
        ).toBeUndefined();
    }
  }
}

async function backward(
  tested: TestedOp,
  rule: GradientRule,
  device: Device,
  inputs: HostInputs,
  options: object,
  weights: readonly (HostArray | undefined)[],
  storage: Storage,
): Promise<Record<string, HostArray>> {
  const gradients = scope(() => {
    const onDevice = upload(device, inputs, storage);
    const result = tested(onDevice, options) as Tensor | readonly Tensor[];
    const outputs = Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];
    const dys = outputs.map((output, k) => weights[k] && placed(tensor(device, weights[k], output.shape), storage));
    const found = untaped(() =>
      rule.gradient({
        inputs: onDevice,
        options,
        outputs,
        dy: dys[0]!,
        dys,
        wants: (name) => onDevice[name]?.dtype === 'f32',
      }),
    );
    return Object.fromEntries(
      Object.entries(found).filter((entry): entry is [string, Tensor] => entry[1] !== undefined),
    );
  });
  const read: Record<string, HostArray> = {};
  for (const [name, gradient] of Object.entries(gradients)) {
    expect(gradient.shape, `shape of the gradient of ${name}`).toEqual(inputs[name]!.shape);
    read[name] = await gradient.read();
  }
  for (const gradient of Object.values(gradients)) gradient.dispose();
  return read;
}

async function run(
  tested: TestedOp,
  device: Device,
  inputs: HostInputs,
  options: object,
  storage: Storage,
): Promise<Outcome> {
  const op = tested as unknown as AnyOp;
  // What is written in place keeps the layout it was uploaded in.
  const [onDevice, outputs, stored] = scope(() => {
    const placedInputs = upload(device, inputs, storage, op.mutates);
    const result = tested(placedInputs, options) as Tensor | readonly Tensor[];
    const list = Array.isArray(result) ? [...(result as readonly Tensor[])] : [result as Tensor];
    return [
      placedInputs,
      list,
      device.kind === 'wasm'
        ? list.map((output) => (canBeBlocked(output) ? blockedStorage({ x: output }) : undefined))
        : [],
    ] as const;
  });
  try {
    const read: HostArray[] = [];
    for (const output of outputs) read.push(await output.read());
    for (const [k, storage] of stored.entries())
      if (storage !== undefined) expectZeroPadding(await storage.read(), outputs[k]);
    const after: Record<string, HostArray> = {};
    for (const [name, input] of Object.entries(onDevice)) if (input !== undefined) after[name] = await input.read();
    return { outputs: read, inputs: after };
  } finally {
    for (const made of [...Object.values(onDevice), ...outputs, ...stored]) made?.dispose();
  }
}

function expectZeroPadding(stored: HostArray, spec: TensorSpec): void {
  const [samples, channels, ...space] = spec.shape;
  const voxels = sizeOf(space);
  const blocks = Math.ceil(channels / 8);
  for (let sample = 0; sample < samples; sample++)
    for (let c = channels; c < blocks * 8; c++)
      for (let v = 0; v < voxels; v++)
        expect(
          stored[((sample * blocks + blocks - 1) * voxels + v) * 8 + (c % 8)],
          `padding channel ${c} holds zeros`,
        ).toBeCloseTo(0, 40);
}

function expectClose(got: Outcome, want: Outcome, tolerance: number, nonFinite: NonFinite, where: string): void {
  got.outputs.forEach((output, k) =>
    expect(difference(output, want.outputs[k], tolerance, nonFinite), `${where}: output ${k}`).toBeUndefined(),
  );
  for (const [name, input] of Object.entries(got.inputs))
    expect(
      difference(input, want.inputs[name], tolerance, nonFinite),
      `${where}: input ${name} afterwards`,
    ).toBeUndefined();
}

function upload(
  device: Device,
  inputs: HostInputs,
  storage: Storage,
  except: readonly string[] = [],
): Record<string, Tensor | undefined> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [
      name,
      input && placed(tensor(device, input.data, input.shape, input.dtype), except.includes(name) ? 'plain' : storage),
    ]),
  );
}

function placed(made: Tensor, storage: Storage): Tensor {
  if (storage === 'half') return mayBeHalf(made) ? storedHalf({ x: made }) : made;
  return storage === 'blocked' && canBeBlocked(made) ? storedBlocked({ x: made }) : made;
}

function storages({ kind }: DeviceUnderTest, { halves }: ConformanceSettings, mayBlock: boolean): readonly Storage[] {
  if (kind === 'wasm') return mayBlock ? ['plain', 'blocked'] : ['plain'];
  return halves ? ['half'] : ['plain'];
}

function specsOf(op: AnyOp, inputs: HostInputs, options: object): readonly TensorSpec[] {
  const specs = op.shape(inputs, options) as TensorSpec | readonly TensorSpec[];
  return Array.isArray(specs) ? (specs as readonly TensorSpec[]) : [specs as TensorSpec];
}

/** NaN and both infinities at three places of every f32 input. */
function spoil(inputs: HostInputs): HostInputs {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => {
      if (input?.dtype !== 'f32') return [name, input];
      const data = input.data.slice() as HostArray;
      const stride = Math.max(1, Math.floor(data.length / 3));
      [NaN, Infinity, -Infinity].forEach((value, k) => {
        if (k * stride < data.length) data[k * stride] = value;
      });
      return [name, { ...input, data }];
    }),
  );
}
