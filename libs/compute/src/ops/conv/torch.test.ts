/** Values and gradients of PyTorch (float64), made by tools/fixtures/torch_convolutions.py. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { wasmDevices } from '../../testing/devices.ts';
import { sizeOf, type Shape } from '../../tensor/spec.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { convTranspose } from '../conv-transpose/conv-transpose.ts';
import { instanceNorm } from '../instance-norm/instance-norm.ts';
import { mul } from '../pointwise/pointwise.ts';
import { sum } from '../reduce/reduce.ts';
import { conv } from './conv.ts';

interface Golden {
  kind: 'conv' | 'convTranspose' | 'instanceNorm';
  shapes: Record<string, Shape>;
  options: object;
  y: { shape: Shape; data: number[] };
  gradients: Record<string, number[]>;
}

const { cases } = JSON.parse(
  readFileSync(new URL('../../../fixtures/convolution/torch.json', import.meta.url), 'utf8'),
) as { cases: Golden[] };
const operations = { conv, convTranspose, instanceNorm } as unknown as Record<
  string,
  (inputs: Record<string, Tensor>, options: object) => Tensor
>;

const wave = (shape: Shape, phase: number): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, (_, k) => Math.sin(0.7 * k + phase));

function expectClose(got: ArrayLike<number>, want: readonly number[], what: string): void {
  expect(got.length, what).toBe(want.length);
  const scale = want.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  const worst = want.reduce((most, v, k) => Math.max(most, Math.abs(v - got[k]!)), 0);
  expect(worst / scale, what).toBeLessThan(3e-5);
}

for (const golden of cases)
  it(`${golden.kind} ${JSON.stringify(golden.shapes)} ${JSON.stringify(golden.options)}`, async () => {
    for (const under of wasmDevices) {
      const device = await under.open();
      const inputs = Object.fromEntries(
        Object.entries(golden.shapes).map(([name, shape], k) => [name, tensor(device, wave(shape, k), shape)]),
      );
      const dy = tensor(device, wave(golden.y.shape, 9), golden.y.shape);
      const y = operations[golden.kind]!(inputs, golden.options);
      expect(y.shape).toEqual(golden.y.shape);
      expectClose(await y.read(), golden.y.data, 'y');
      const names = Object.keys(inputs);
      const { value, gradients } = valueAndGradients(
        () => sum({ x: mul({ a: operations[golden.kind]!(inputs, golden.options), b: dy }) }),
        names.map((name) => inputs[name]!),
      );
      for (const [k, name] of names.entries())
        expectClose(await gradients[k]!.read(), golden.gradients[name]!, `gradient of ${name} on ${under.name}`);
      for (const made of [...Object.values(inputs), dy, y, value, ...gradients]) made?.dispose();
    }
  });
