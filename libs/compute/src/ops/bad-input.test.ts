/**
 * What does not fit is refused by a typed error that names the operation and what came, or it is computed as the reference does:
 * nothing is misread in silence.
 */
import { expect, it } from 'vitest';
import { createReferenceDevice } from '../devices/reference/reference-device.ts';
import { createWasmDevice } from '../devices/wasm/wasm-device.ts';
import type { Device } from '../devices/device.ts';
import type { AnyOp, CaseInput } from '../op/op.ts';
import { difference } from '../testing/compare.ts';
import { draw } from '../testing/draw.ts';
import { everyOperation, type TestedOp } from '../testing/every-operation.ts';
import { describe as spelled, type HostArray } from '../tensor/spec.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';

type Inputs = Readonly<Record<string, CaseInput | undefined>>;

/** One more along each axis, one axis more, one less, another dtype. */
function spoiledWays(input: CaseInput): [string, CaseInput][] {
  const { shape, dtype = 'f32' } = input;
  const { fill: _, ...plain } = input;
  return [
    ...shape.map((_, axis): [string, CaseInput] => [
      `one more along axis ${axis}`,
      { ...plain, shape: shape.map((n, k) => (k === axis ? n + 1 : n)) },
    ]),
    ['one axis more', { ...plain, shape: [2, ...shape] }],
    ...(shape.length > 0 ? [['one axis less', { ...plain, shape: shape.slice(1) }] as [string, CaseInput]] : []),
    ['another dtype', { ...plain, dtype: dtype === 'f32' ? 'i32' : 'f32' }],
  ];
}

async function outcome(op: TestedOp, device: Device, inputs: Inputs, options: object): Promise<HostArray[]> {
  const given: Record<string, Tensor> = {};
  Object.entries(inputs).forEach(([name, input], k) => {
    if (input === undefined) return;
    const { data, shape, dtype } = draw(input, k);
    given[name] = tensor(device, data, shape, dtype);
  });
  const made = [op(given, options) as Tensor | readonly Tensor[]].flat() as Tensor[];
  const read: HostArray[] = [];
  for (const each of [...made, ...((op as unknown as AnyOp).mutates ?? []).map((name) => given[name]!)])
    read.push(await each.read());
  for (const each of [...made, ...Object.values(given)]) each.dispose();
  return read;
}

it('is refused with names and shapes, or computed as the reference does', async () => {
  const [reference, wasm] = [createReferenceDevice(), await createWasmDevice({ threads: 1 })];
  const wrong: string[] = [];
  let refused = 0;
  for (const op of everyOperation) {
    const { name: title, inputs, options = {} } = (op as unknown as AnyOp).cases[0]!;
    for (const [name, input] of Object.entries(inputs as Inputs)) {
      if (input === undefined) continue;
      for (const [way, spoiled] of spoiledWays(input)) {
        const where = `${op.name}, ${title}, ${name}: ${way}`;
        const bad = { ...(inputs as Inputs), [name]: spoiled };
        let want: HostArray[];
        try {
          want = await outcome(op, reference, bad, options as object);
        } catch (error) {
          const { code, message } = error as Error & { code?: string };
          refused++;
          // An operation may go by the name of the one it wraps.
          const named = op.name.startsWith(message.split(':')[0]!) || message.startsWith('resizeSpline:');
          if (!['shape', 'dtype'].includes(code ?? '') || !named || !/came |\[[\d, ]*\]/.test(message))
            wrong.push(`${where} (${spelled({ ...spoiled, dtype: spoiled.dtype ?? 'f32' })}): ${code}: ${message}`);
          continue;
        }
        if ((op as unknown as AnyOp).kernels.wasm === undefined) continue;
        try {
          const got = await outcome(op, wasm, bad, options as object);
          got.forEach((each, k) => {
            const off = difference(each, want[k]!, (op as unknown as AnyOp).tolerance.f32);
            if (off !== undefined) wrong.push(`${where}: output ${k}: ${off}`);
          });
        } catch (error) {
          wrong.push(`${where}: only wasm refuses: ${(error as Error).message}`);
        }
      }
    }
  }
  wasm.dispose();
  expect(wrong).toEqual([]);
  expect(refused).toBeGreaterThan(500);
});
