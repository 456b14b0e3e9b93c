/**
 * A NaN that goes in comes out, on the reference and on WASM; WebGPU is held against the reference by the conformance suite. What
 * overlooks NaN does so by its definition and is listed here.
 */
import { expect, it } from 'vitest';
import type { Device } from '../devices/device.ts';
import { createReferenceDevice } from '../devices/reference/reference-device.ts';
import { createWasmDevice } from '../devices/wasm/wasm-device.ts';
import type { AnyOp, CaseInput } from '../op/op.ts';
import { draw } from '../testing/draw.ts';
import { everyOperation } from '../testing/every-operation.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';

const OVERLOOKED: Readonly<Record<string, string>> = {
  'instanceNormGradient, shift': 'decides the side of the activation only',
  'where, condition': 'true is what is not 0',
  'sampleAffine, displacement': 'a place that is no number lies outside of the volume',
  'less, a': 'a comparison',
  'less, b': 'a comparison',
  'equal, a': 'a comparison',
  'equal, b': 'a comparison',
  'reluGradient, a': 'decides a side only',
  'leakyReluGradient, a': 'decides a side only',
  'absGradient, a': 'decides a side only',
  'clampGradient, a': 'decides a side only',
  'topMeanGradient, x': 'decides which elements count only',
  'topMeanGradient, kept': 'decides which elements count only',
  'maxPoolGradient, x': 'decides places only',
};

const isFloat = (input: CaseInput | undefined): boolean => input !== undefined && (input.dtype ?? 'f32') === 'f32';

/** Per float input of every operation, whether results hold a NaN when it holds nothing else. */
async function overlooked(device: Device): Promise<string[]> {
  const watched: { name: string; results: Tensor[] }[] = [];
  for (const op of everyOperation) {
    const { kernels, cases, mutates = [] } = op as unknown as AnyOp;
    if (device.kind === 'wasm' && kernels.wasm === undefined) continue;
    const names = new Set(
      cases.flatMap(({ inputs }) =>
        Object.entries(inputs as Record<string, CaseInput | undefined>)
          .filter(([, input]) => isFloat(input))
          .map(([name]) => name),
      ),
    );
    for (const spoiled of names) {
      const { inputs, options } = cases.find(({ inputs }) =>
        isFloat((inputs as Record<string, CaseInput | undefined>)[spoiled]),
      )!;
      const given: Record<string, Tensor> = {};
      Object.entries(inputs as Record<string, CaseInput | undefined>).forEach(([name, input], k) => {
        if (input === undefined) return;
        const { data, shape, dtype } = draw(input, k);
        if (name === spoiled) data.fill(NaN);
        given[name] = tensor(device, data, shape, dtype);
      });
      const result = op(given, options ?? {}) as Tensor | readonly Tensor[];
      const results = [...([result].flat() as Tensor[]), ...mutates.map((name) => given[name]!)];
      const floats = results.filter((made) => made !== undefined && made.dtype === 'f32');
      if (floats.length > 0) watched.push({ name: `${op.name}, ${spoiled}`, results: floats });
    }
  }
  await device.flush();
  const found: string[] = [];
  for (const { name, results } of watched) {
    let some = false;
    for (const made of results) some ||= ((await made.read()) as Float32Array).some(Number.isNaN);
    if (!some) found.push(name);
  }
  return found;
}

it('comes out of every operation that does not overlook it by definition', async () => {
  for (const device of [createReferenceDevice(), await createWasmDevice({ threads: 1 })]) {
    expect(await overlooked(device), device.name).toEqual(Object.keys(OVERLOOKED));
    device.dispose();
  }
});
