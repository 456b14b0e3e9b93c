/**
 * An operation as one object: its name, its shape rule, its kernels per device, and the cases that prove it.
 * Derivatives stand apart (autograd), so that a bundle which only predicts carries none.
 */
import type { WasmKernel } from '../devices/wasm/kernel.ts';
import type { WebGpuKernel } from '../devices/webgpu/kernel.ts';
import type { Device } from '../devices/device.ts';
import { DeviceError } from '../errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe, type HostArray, type TensorSpec } from '../tensor/spec.ts';
import { recordOnTape } from './tape.ts';

/** Named tensors; the order of the names is the order of the definition. */
export type Inputs = Readonly<Record<string, Tensor | undefined>>;

/** The same names with specs only. */
export type SpecsOf<I extends Inputs> = {
  readonly [K in keyof I]: I[K] extends Tensor ? TensorSpec : TensorSpec | undefined;
};

/** Numbers on the host with their spec: what a reference kernel sees. */
export interface HostTensor extends TensorSpec {
  readonly data: HostArray;
}

/** Plain loops: the definition of right. `outputs` come zero-filled; mutated inputs are written in place. */
export type ReferenceKernel<I extends Inputs, R> = (
  inputs: { readonly [K in keyof I]: I[K] extends Tensor ? HostTensor : HostTensor | undefined },
  options: R,
  outputs: readonly HostTensor[],
) => void;

export interface Kernels<I extends Inputs, R> {
  reference: ReferenceKernel<I, R>;
  wasm?: WasmKernel<R>;
  webgpu?: WebGpuKernel<R>;
}

/** Made-up input for one conformance case. */
export interface CaseInput {
  readonly shape: readonly number[];
  readonly dtype?: 'f32' | 'i32' | 'u8';
  /** How the numbers are drawn; default `normal` for f32, and `uniform` integers in [0, 3) for the rest. */
  readonly fill?: 'normal' | 'uniform' | 'positive' | { readonly integersBelow: number } | readonly number[];
}

/** One conformance case: inputs are drawn from a seeded generator. `gradient: false` skips finite differences. */
export interface OpCase<I extends Inputs, R> {
  readonly name: string;
  readonly inputs: { readonly [K in keyof I]: I[K] extends Tensor ? CaseInput : CaseInput | undefined };
  readonly options?: Partial<R>;
  readonly gradient?: boolean;
}

export interface OpDefinition<I extends Inputs, R> {
  readonly name: string;
  /** One spec: the op returns a tensor; a list: it returns a list. Throws ShapeError or DTypeError, naming what came. */
  shape(inputs: SpecsOf<I>, options: R): TensorSpec | readonly TensorSpec[];
  /** Options not given are taken from here. */
  readonly defaults: R;
  /** Inputs that are written in place. */
  readonly mutates?: readonly (keyof I & string)[];
  readonly kernels: Kernels<I, R>;
  readonly cases: readonly OpCase<I, R>[];
  /** Greatest difference to the reference, relative to max(1, greatest absolute value); say why if above 1e-5. */
  readonly tolerance: {
    readonly f32: number;
    readonly f16?: number;
    /** On WebGPU, where a shader's division and elementary functions are promised to a few ulp only. Default: f32. */
    readonly webgpu?: number;
  };
  /** Work of one call in multiply-adds, for estimates. Absent: one per output element. */
  multiplyAdds?(inputs: SpecsOf<I>, options: R): number;
}

export interface Op<I extends Inputs, R, O> extends OpDefinition<I, R> {
  (inputs: I, options?: Partial<R>): O;
}

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- devices handle operations of every signature */
export type AnyOp = OpDefinition<any, any>;

/** Makes an operation of its definition. `O` is `Tensor` or `readonly Tensor[]`, as the shape rule returns. */
export function defineOp<I extends Inputs, R = object, O = Tensor>(definition: OpDefinition<I, R>): Op<I, R, O> {
  const call = (inputs: I, given?: Partial<R>): O => {
    const options = given === undefined ? definition.defaults : { ...definition.defaults, ...given };
    const device = deviceOf(definition.name, inputs);
    const specs = definition.shape(inputs as unknown as SpecsOf<I>, options);
    const list = Array.isArray(specs) ? (specs as readonly TensorSpec[]) : [specs as TensorSpec];
    const storages = device.run(op as unknown as AnyOp, inputs, options, list);
    const outputs = list.map((spec, k) => new Tensor(spec, device, storages[k]!));
    recordOnTape({ op: op as unknown as AnyOp, inputs, options, outputs });
    return (Array.isArray(specs) ? outputs : outputs[0]) as O;
  };
  // A function's own `name` is read-only; an operation is a function that carries its definition.
  const op = Object.assign(call, withoutName(definition)) as unknown as Op<I, R, O>;
  return Object.defineProperty(op, 'name', { value: definition.name });
}

function deviceOf(name: string, inputs: Inputs): Device {
  let device: Device | undefined;
  for (const [key, input] of Object.entries(inputs)) {
    if (input === undefined) continue;
    if (device !== undefined && input.device !== device)
      throw new DeviceError(
        `${name}: all inputs live on one device; ${key} (${describe(input)}) is on ${input.device.name}, the others on ${device.name}. Read it and upload it there.`,
        {
          op: name,
          input: key,
        },
      );
    device = input.device;
    // Throws if it was disposed, on every device alike.
    void input.storage;
  }
  if (device === undefined)
    throw new DeviceError(`${name}: needs at least one tensor to know its device.`, { op: name });
  return device;
}

/**
 * Gives an operation another kernel for a device, at run time; returns a function that puts the old one back.
 * For packages that bring a faster kernel, or one for a device that has none.
 */
export function registerKernel<D extends 'wasm' | 'webgpu'>(
  op: AnyOp,
  device: D,
  kernel: NonNullable<AnyOp['kernels'][D]>,
): () => void {
  const kernels = op.kernels;
  const previous = kernels[device];
  kernels[device] = kernel;
  return () => {
    if (previous === undefined) delete kernels[device];
    else kernels[device] = previous;
  };
}

function withoutName<T extends { name: string }>(definition: T): Omit<T, 'name'> {
  const { name: _, ...rest } = definition;
  return rest;
}
