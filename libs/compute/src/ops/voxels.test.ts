/** Voxel operations: the WASM kernels against the reference, on one thread and on three, over every operation's cases. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../devices/reference/reference-device.ts';
import { createWasmDevice, type WasmDevice } from '../devices/wasm/wasm-device.ts';
import type { AnyOp, CaseInput } from '../op/op.ts';
import { Philox } from '../random/philox.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';
import { hostArray, sizeOf, type HostArray } from '../tensor/spec.ts';
import { voxelOperations } from './voxels.list.ts';

let devices: WasmDevice[];
beforeAll(async () => {
  devices = [await createWasmDevice({ threads: 1 }), await createWasmDevice({ threads: 3 })];
});
afterAll(() => devices.forEach((device) => device.dispose()));

function draw(input: CaseInput, rng: Philox): HostArray {
  const dtype = input.dtype ?? 'f32';
  const data = hostArray({ shape: input.shape, dtype });
  for (let k = 0; k < sizeOf(input.shape); k++) {
    if (Array.isArray(input.fill)) data[k] = (input.fill as number[])[k]!;
    else if (typeof input.fill === 'object')
      data[k] = rng.integer(0, (input.fill as { integersBelow: number }).integersBelow);
    else if (dtype !== 'f32') data[k] = rng.integer(0, 3);
    else data[k] = input.fill === 'uniform' || input.fill === 'positive' ? rng.uniform() : rng.normal();
  }
  return data;
}

for (const op of voxelOperations as readonly AnyOp[]) {
  describe(op.name, () => {
    for (const example of op.cases) {
      it(example.name, async () => {
        const rng = new Philox(7).split(example.name);
        const made = Object.entries(example.inputs as Record<string, CaseInput | undefined>)
          .filter((entry): entry is [string, CaseInput] => entry[1] !== undefined)
          .map(([name, input]) => ({ name, input, data: draw(input, rng) }));
        const run = async (device: Parameters<typeof tensor>[0]): Promise<HostArray[]> => {
          const inputs = Object.fromEntries(
            made.map(({ name, input, data }) => [name, tensor(device, data, input.shape, input.dtype)]),
          );
          const result = (op as unknown as (inputs: unknown, options: unknown) => Tensor | Tensor[])(
            inputs,
            example.options,
          );
          return Promise.all((Array.isArray(result) ? result : [result]).map((output) => output.read()));
        };
        const expected = await run(createReferenceDevice());
        const scale = Math.max(
          1,
          ...expected.flatMap((output) => [...output].map((value) => (Number.isFinite(value) ? Math.abs(value) : 0))),
        );
        const [one, three] = [await run(devices[0]!), await run(devices[1]!)];
        expect(three).toEqual(one);
        one.forEach((output, k) => {
          let worst = 0;
          output.forEach((value, v) => {
            if (!Object.is(value, expected[k]![v]) && value !== expected[k]![v])
              worst = Math.max(worst, Math.abs(value - expected[k]![v]!) / scale);
            if (Number.isNaN(value) !== Number.isNaN(expected[k]![v]!)) worst = Infinity;
          });
          expect(worst).toBeLessThanOrEqual(op.tolerance.f32);
        });
      });
    }
  });
}
