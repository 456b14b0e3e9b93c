/** Values and gradients of PyTorch (float64), made by tools/fixtures/torch_attention.py. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { createReferenceDevice } from '../../devices/reference/reference-device.ts';
import { createWasmDevice } from '../../devices/wasm/wasm-device.ts';
import { ShapeError } from '../../errors.ts';
import { wasmDevices } from '../../testing/devices.ts';
import { sizeOf, type Shape } from '../../tensor/spec.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { layerNorm } from '../layer-norm/layer-norm.ts';
import { gelu, mul } from '../pointwise/pointwise.ts';
import { sum } from '../reduce/reduce.ts';
import { attention } from './attention.ts';

interface Golden {
  kind: 'attention' | 'layerNorm' | 'gelu';
  shapes: Record<string, Shape>;
  constants: Record<string, { shape: Shape; data: (number | null)[] }>;
  options: object;
  y: { shape: Shape; data: number[] };
  gradients: Record<string, number[]>;
}

const { cases } = JSON.parse(
  readFileSync(new URL('../../../fixtures/attention/torch.json', import.meta.url), 'utf8'),
) as { cases: Golden[] };
const operations = { attention, layerNorm, gelu } as unknown as Record<
  string,
  (inputs: Record<string, Tensor>, options: object) => Tensor
>;

const wave = (shape: Shape, phase: number): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, (_, k) => Math.sin(0.7 * k + phase));

function expectClose(got: ArrayLike<number>, want: readonly number[], what: string): void {
  expect(got.length, what).toBe(want.length);
  const scale = want.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  const worst = want.reduce((most, v, k) => Math.max(most, Math.abs(v - got[k]!)), 0);
  expect(worst / scale, what).toBeLessThan(5e-6);
}

for (const { kind, shapes, constants, options, y, gradients } of cases)
  it(`${kind} ${JSON.stringify(shapes)} ${JSON.stringify(options)}: PyTorch's values and gradients`, async () => {
    for (const device of wasmDevices) {
      const on = await device.open();
      const given = Object.entries(shapes).map(
        ([name, shape], k) => [name, tensor(on, wave(shape, k), shape)] as const,
      );
      const fixed = Object.entries(constants).map(
        ([name, { shape, data }]) =>
          [
            name,
            tensor(
              on,
              data.map((v) => v ?? -Infinity),
              shape,
            ),
          ] as const,
      );
      const { value, gradients: found } = valueAndGradients(
        () => {
          const made = operations[kind]!(Object.fromEntries([...given, ...fixed]), options);
          return [sum({ x: mul({ a: made, b: tensor(on, wave(y.shape, 9), y.shape) }) }), made];
        },
        given.map(([, made]) => made),
      );
      expectClose(await value[1]!.read(), y.data, `${device.name}: y`);
      for (const [k, [name]] of given.entries())
        expectClose(await found[k]!.read(), gradients[name]!, `${device.name}: gradient of ${name}`);
      for (const made of [...given.map(([, made]) => made), ...value, ...found]) made?.dispose();
    }
  });

it('needs memory for its operands and results, not for queries × keys', async () => {
  const device = await createWasmDevice({ threads: 1 });
  const [q, k, v] = [1, 2, 3].map((phase) => tensor(device, wave([2048, 16], phase), [2048, 16])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const { gradients } = valueAndGradients(() => sum({ x: attention({ q, k, v }) }), [q]);
  await gradients[0]!.read();
  expect(device.memory().peakBytes).toBeLessThan(0.5 * 2048 * 2048 * 4);
  device.dispose();
});

it('names all shapes where they do not fit together', () => {
  const device = createReferenceDevice();
  const of = (...shape: number[]): Tensor => tensor(device, new Float32Array(sizeOf(shape)), shape);
  expect(() => attention({ q: of(2, 3, 4), k: of(2, 5, 3), v: of(2, 5, 4) })).toThrow(ShapeError);
  expect(() => attention({ q: of(2, 3, 4), k: of(5, 4), v: of(5, 4) })).toThrow(/2, 3, 4.*5, 4/);
  const fitting = { q: of(2, 3, 4), k: of(2, 5, 4), v: of(2, 5, 4) };
  expect(() => attention({ ...fitting, bias: of(3, 4) })).toThrow(/bias is .*3, 5.*came f32 \[3, 4\]/);
  expect(() => attention({ ...fitting, mask: of(3, 3, 5) })).toThrow(
    /mask is .*broadcast to \[2\]; came f32 \[3, 3, 5\]/,
  );
});
