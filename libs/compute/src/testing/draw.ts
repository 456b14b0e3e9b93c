/** Draws the inputs of a conformance case from a seeded generator. */
import { Philox } from '../random/philox.ts';
import type { CaseInput, HostTensor } from '../op/op.ts';
import { hostArray, type TensorSpec } from '../tensor/spec.ts';

/** The numbers of one input; the same for the same seed. */
export function draw(input: CaseInput, seed: number): HostTensor {
  const spec: TensorSpec = { shape: input.shape, dtype: input.dtype ?? 'f32' };
  const data = hostArray(spec);
  const rng = new Philox(seed);
  const fill = input.fill ?? (spec.dtype === 'f32' ? 'normal' : { integersBelow: 3 });
  for (let k = 0; k < data.length; k++) {
    if (fill === 'normal') data[k] = rng.normal();
    else if (fill === 'uniform') data[k] = spec.dtype === 'f32' ? rng.uniform() : rng.integer(0, 3);
    else if (fill === 'positive') data[k] = 0.25 + 2 * rng.uniform();
    else if ('integersBelow' in fill) data[k] = rng.integer(0, fill.integersBelow);
    else data[k] = fill[k % fill.length];
  }
  return { ...spec, data };
}
