/** A network's forward pass written down: which operations, on what, in order. Nothing is computed but what hangs on weights alone. */
import { hostArray, Tensor, type AnyOp, type Device, type HostArray, type TensorSpec } from '@voxelwise/compute';
import { NetworkError } from '../errors.ts';
import { parametersOf, type Forward, type Module } from '../module/module.ts';
import type { Weights } from '../module/weights.ts';

/** Numbers that are known: a weight, or what the network made of them. */
export interface Known {
  readonly spec: TensorSpec;
  readonly data: HostArray;
  /** Of a weight. */
  readonly name?: string;
}

/** What a call gives; `call` is missing for the image itself. */
export interface Unknown {
  readonly spec: TensorSpec;
  readonly call?: Call;
  readonly output: number;
}

export type Value = Known | Unknown;

export interface Call {
  readonly op: AnyOp;
  readonly inputs: Readonly<Record<string, Value>>;
  readonly options: unknown;
}

export interface Trace {
  readonly image: Unknown;
  readonly outputs: readonly Value[];
  /** Those that the outputs hang on, in order. */
  readonly calls: readonly Call[];
}

export const isKnown = (value: Value): value is Known => 'data' in value;

/** Runs `forward` on an image of this shape. The network's own numbers are put back afterwards. */
export function traceNetwork(network: Module, weights: Weights, shape: readonly number[], how: Forward): Trace {
  const device = new WritingDevice();
  const parameters = [...parametersOf(network)];
  const before = parameters.map(([, parameter]) => (parameter.filled ? parameter.value : undefined));
  const image: Unknown = { spec: { shape: [...shape], dtype: 'f32' }, output: 0 };
  try {
    for (const [name, parameter] of parameters) {
      const { data, shape: own } = weights.get(name)!;
      const known: Known = { spec: { shape: own, dtype: 'f32' }, data, name };
      parameter.value = new Tensor(known.spec, device, known);
    }
    const made = network.forward(new Tensor(image.spec, device, image), how);
    const outputs = (made instanceof Tensor ? [made] : made).map(({ storage }) => storage as Value);
    return { image, outputs, calls: neededFor(outputs, device.calls) };
  } finally {
    parameters.forEach(([, parameter], k) => {
      const value = before[k];
      if (value) parameter.value = value;
    });
  }
}

function neededFor(outputs: readonly Value[], calls: readonly Call[]): Call[] {
  const needed = new Set<Call>();
  const need = (value: Value): void => {
    if (!isKnown(value) && value.call) needed.add(value.call);
  };
  outputs.forEach(need);
  for (const call of [...calls].reverse()) if (needed.has(call)) Object.values(call.inputs).forEach(need);
  return calls.filter((call) => needed.has(call));
}

class WritingDevice implements Device {
  readonly kind = 'shape';
  readonly name = 'a tracing device';
  readonly calls: Call[] = [];

  upload(data: HostArray, spec: TensorSpec): Known {
    return { spec, data: data.slice() };
  }

  run(
    op: AnyOp,
    tensors: Readonly<Record<string, Tensor | undefined>>,
    options: unknown,
    outputs: readonly TensorSpec[],
  ): Value[] {
    if (op.mutates?.length)
      throw new NetworkError(`A network that changes its weights while it predicts (${op.name}) cannot be exported.`, {
        op: op.name,
      });
    const inputs = Object.fromEntries(
      Object.entries(tensors).flatMap(([name, input]) => (input ? [[name, input.storage as Value]] : [])),
    );
    if (Object.values(inputs).every(isKnown)) return computed(op, inputs as Record<string, Known>, options, outputs);
    const call: Call = { op, inputs, options };
    this.calls.push(call);
    return outputs.map((spec, output) => ({ spec, call, output }));
  }

  read(): Promise<HostArray> {
    return Promise.reject(
      new NetworkError(
        'A network that reads its own results while it runs cannot be exported: its graph would hang on the image.',
      ),
    );
  }

  release(): void {}

  flush(): Promise<void> {
    return Promise.resolve();
  }

  memory(): { bytes: number; peakBytes: number; limitBytes: number } {
    return { bytes: 0, peakBytes: 0, limitBytes: Infinity };
  }

  dispose(): void {}
}

/** What hangs on weights and constants alone is computed once, here. */
function computed(
  op: AnyOp,
  inputs: Readonly<Record<string, Known>>,
  options: unknown,
  outputs: readonly TensorSpec[],
): Known[] {
  const results = outputs.map((spec) => ({ spec, data: hostArray(spec) }));
  const host = ({ spec, data }: Known): TensorSpec & { data: HostArray } => ({ ...spec, data });
  op.kernels.reference(
    Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, host(input)])),
    options,
    results.map(host),
  );
  return results;
}
