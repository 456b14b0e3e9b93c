/** The same bits for any number of threads: every operation alone, and a whole training step with attention. */
import { afterAll, expect, it, vi } from 'vitest';
import { valueAndGradients } from '../autograd/backward.ts';
import { sharedMemoryAvailable } from '../devices/wasm/features.ts';
import { createWasmDevice, type WasmDevice } from '../devices/wasm/wasm-device.ts';
import type { AnyOp, CaseInput } from '../op/op.ts';
import { Philox } from '../random/philox.ts';
import { draw } from '../testing/draw.ts';
import { everyOperation } from '../testing/every-operation.ts';
import { scope } from '../tensor/scope.ts';
import { sizeOf, type HostArray, type Shape } from '../tensor/spec.ts';
import { tensor, zeros, type Tensor } from '../tensor/tensor.ts';
import {
  adamw,
  add,
  attention,
  conv,
  diceCrossEntropy,
  gelu,
  gradientNorm,
  instanceNorm,
  layerNorm,
  matmul,
  permute,
  reshape,
  sgd,
} from './index.ts';

// Eight threads take turns at every barrier where there are fewer cores, or others on them.
vi.setConfig({ testTimeout: 240_000 });

const THREADS = sharedMemoryAvailable() ? [1, 2, 8] : [1];
const opened = new Map<number, Promise<WasmDevice>>();
const withThreads = (threads: number): Promise<WasmDevice> => {
  if (!opened.has(threads)) opened.set(threads, createWasmDevice({ threads, deterministic: true }));
  return opened.get(threads)!;
};
afterAll(async () => {
  for (const device of opened.values()) (await device).dispose();
});

const bitsOf = (data: HostArray): Uint8Array => new Uint8Array(data.slice().buffer);

it('deterministic devices multiply and add in two roundings, wherever they run', async () => {
  for (const threads of THREADS) expect((await withThreads(threads)).build).toBe('simd');
});

/** What every operation makes of its cases, by name; all in one program, since each barrier waits for eight threads on fewer cores. */
async function everythingMade(device: WasmDevice): Promise<Map<string, Uint8Array>> {
  const made = new Map<string, Tensor>();
  const given: Tensor[] = [];
  for (const op of everyOperation) {
    const { kernels, cases, mutates = [] } = op as unknown as AnyOp;
    if (kernels.wasm === undefined) continue;
    for (const [number, { name: title, inputs, options }] of cases.entries()) {
      const drawn: Record<string, Tensor> = {};
      Object.entries(inputs as Record<string, CaseInput | undefined>).forEach(([name, input], k) => {
        if (input === undefined) return;
        const { data, shape, dtype } = draw(input, 1000 * number + k);
        drawn[name] = tensor(device, data, shape, dtype);
        given.push(drawn[name]);
        if (mutates.includes(name)) made.set(`${op.name}, ${title}, ${name}`, drawn[name]);
      });
      const result = op(drawn, options ?? {}) as Tensor | readonly Tensor[];
      [result].flat().forEach((output, k) => made.set(`${op.name}, ${title}, output ${k}`, output as Tensor));
    }
  }
  await device.flush();
  const bits = new Map<string, Uint8Array>();
  for (const [name, each] of made) bits.set(name, bitsOf(await each.read()));
  for (const each of new Set([...made.values(), ...given])) each.dispose();
  return bits;
}

it('each operation has the same bits on 1, 2 and 8 threads', async () => {
  const want = await everythingMade(await withThreads(1));
  expect(want.size).toBeGreaterThan(400);
  for (const threads of THREADS.slice(1)) {
    const got = await everythingMade(await withThreads(threads));
    const differing = [...want].filter(([name, bits]) => Buffer.compare(bits, got.get(name)!) !== 0);
    expect(
      differing.map(([name]) => name),
      `${threads} threads`,
    ).toEqual([]);
  }
});

/** Convolution, normalization, attention and a perceptron over all voxels, a head: one training step, with either optimizer. */
async function trained(device: WasmDevice, size: readonly number[]): Promise<Uint8Array[]> {
  const random = new Philox(5);
  const drawn = (shape: Shape, scale = 0.3): Tensor =>
    tensor(
      device,
      Float32Array.from({ length: sizeOf(shape) }, () => scale * random.normal()),
      shape,
    );
  const [samples, width, heads, tokens] = [2, 24, 3, sizeOf(size)];
  const each = width / heads;
  const kernel = size.map(() => 3);
  const weights = {
    first: drawn([width, 2, ...kernel]),
    scale: drawn([width]),
    shift: drawn([width]),
    project: [0, 1, 2].map(() => drawn([width, width])),
    bias: drawn([heads, tokens, tokens]),
    wide: drawn([width, 50]),
    narrow: drawn([50, width]),
    head: drawn([3, width, ...size.map(() => 1)]),
  };
  const parameters = Object.values(weights).flat();
  const image = drawn([samples, 2, ...size], 1);
  const labels = Int32Array.from({ length: samples * tokens }, () => random.integer(0, 3));
  const target = tensor(device, labels, [samples, 1, ...size], 'i32');
  const mask = tensor(
    device,
    Float32Array.from({ length: samples * tokens * tokens }, (_, k) => (k % 7 === 0 ? -100 : 0)),
    [samples, 1, tokens, tokens],
  );
  const states = parameters.map(
    (parameter) => [zeros(device, parameter.shape), zeros(device, parameter.shape)] as const,
  );
  const rate = tensor(device, [0.01], []);
  const split = (x: Tensor): Tensor =>
    permute({ x: reshape({ x }, { shape: [samples, tokens, heads, each] }) }, { order: [0, 2, 1, 3] });
  const read = scope(() => {
    const { value, gradients } = valueAndGradients(() => {
      const { first, scale, shift, project, bias, wide, narrow, head } = weights;
      const features = instanceNorm(
        { x: conv({ x: image, weight: first }, { padding: 1 }), scale, shift },
        { slope: 0.01 },
      );
      const x = permute({ x: reshape({ x: features }, { shape: [samples, width, tokens] }) }, { order: [0, 2, 1] });
      const normed = layerNorm({ x, scale, shift });
      const [q, k, v] = project.map((b) => split(matmul({ a: normed, b }))) as [Tensor, Tensor, Tensor];
      const seen = reshape(
        { x: permute({ x: attention({ q, k, v, bias, mask }) }, { order: [0, 2, 1, 3] }) },
        { shape: [samples, tokens, width] },
      );
      const between = add({ a: x, b: seen });
      const y = add({ a: between, b: matmul({ a: gelu({ x: matmul({ a: between, b: wide }) }), b: narrow }) });
      const back = reshape({ x: permute({ x: y }, { order: [0, 2, 1] }) }, { shape: [samples, width, ...size] });
      return diceCrossEntropy({ logits: conv({ x: back, weight: head }), target });
    }, parameters);
    const [norm, clip] = gradientNorm(Object.fromEntries(gradients.map((g, k) => [`g${k}`, g!])), { limit: 1 });
    parameters.forEach((weight, k) => {
      const [a, b] = states[k]!;
      const given = { weight, gradient: gradients[k]!, rate, scale: clip! };
      if (k % 2 === 0) sgd({ ...given, velocity: a }, { momentum: 0.9 });
      else adamw({ ...given, first: a, second: b, step: tensor(device, [1], []) });
    });
    return [value, norm!];
  });
  const bits: Uint8Array[] = [];
  for (const made of read) bits.push(bitsOf(await made.read()));
  for (const parameter of parameters) bits.push(bitsOf(await parameter.read()));
  return bits;
}

it.each([
  ['2D', [11, 13]],
  ['3D', [6, 5, 7]],
] as const)('a %s training step with attention has the same bits on 1, 2 and 8 threads', async (_, size) => {
  const want = await trained(await withThreads(1), size);
  expect(want.flatMap((bits) => [...new Float32Array(bits.buffer)]).every(Number.isFinite)).toBe(true);
  for (const threads of THREADS.slice(1))
    expect(await trained(await withThreads(threads), size), `${threads} threads`).toEqual(want);
});
