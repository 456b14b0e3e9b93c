/** Derivatives by central differences of the reference kernel, run in double precision. */
import { Philox } from '../random/philox.ts';
import type { AnyOp, HostTensor } from '../op/op.ts';
import { sizeOf, type HostArray, type TensorSpec } from '../tensor/spec.ts';

const STEP = 1e-4;
/** Elements checked per input; a fixed sample where there are more. */
const SAMPLE = 60;

export interface SampledDerivative {
  readonly index: number;
  readonly value: number;
}

/** d(sum of weights · outputs) / d input[name], at a sample of its elements. */
export function sampledDerivatives(
  op: AnyOp,
  inputs: Readonly<Record<string, HostTensor | undefined>>,
  options: unknown,
  outputs: readonly TensorSpec[],
  weights: readonly (HostArray | undefined)[],
  name: string,
): SampledDerivative[] {
  const doubles = Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, input && inDoubles(input)]));
  const value = (): number => {
    const results = outputs.map((spec) =>
      inDoubles({
        ...spec,
        data: spec.dtype === 'f32' ? new Float32Array(sizeOf(spec.shape)) : new Int32Array(sizeOf(spec.shape)),
      }),
    );
    // In-place operations: every evaluation starts from the same numbers.
    const fresh = Object.fromEntries(
      Object.entries(doubles).map(([key, input]) => [
        key,
        input && { ...input, data: input.data.slice() as HostArray },
      ]),
    );
    op.kernels.reference(fresh, options, results);
    let sum = 0;
    results.forEach((result, k) => {
      const weight = weights[k];
      if (weight !== undefined) for (let e = 0; e < weight.length; e++) sum += weight[e] * result.data[e];
    });
    return sum;
  };
  const data = doubles[name]!.data;
  const rng = new Philox(7);
  const indices =
    data.length <= SAMPLE ? [...data.keys()] : Array.from({ length: SAMPLE }, () => rng.integer(0, data.length));
  return indices.map((index) => {
    const before = data[index];
    data[index] = before + STEP;
    const above = value();
    data[index] = before - STEP;
    const below = value();
    data[index] = before;
    return { index, value: (above - below) / (2 * STEP) };
  });
}

/** Reference kernels are plain loops over whatever array they are given: with doubles they compute in double precision. */
function inDoubles(host: HostTensor): HostTensor {
  return host.dtype === 'f32' ? { ...host, data: Float64Array.from(host.data) as unknown as HostArray } : host;
}
