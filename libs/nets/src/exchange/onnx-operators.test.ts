/** Every operation that can be exported, on the cases by which it was proven; and networks of one's own, at any size. */
import * as compute from '@voxelwise/compute';
import { createReferenceDevice, tensor, type AnyOp, type Tensor } from '@voxelwise/compute';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { CaseInput } from '../../../compute/src/op/op.ts';
import { draw } from '../../../compute/src/testing/draw.ts';
import { BatchNormalization } from '../blocks/batch-normalization.ts';
import { Convolution } from '../blocks/convolution-block.ts';
import { NetworkError, WeightsError } from '../errors.ts';
import { initialize } from '../module/initialize.ts';
import { readWeights } from '../module/weights.ts';
import { Parameter, type Forward, type Module } from '../module/module.ts';
import { evaluateOnnx, readOnnx } from '../testing/onnx-reader.ts';
import { encodeNetworkOnnx, type OnnxOptions } from './onnx.ts';
import { operators } from './onnx-operators.ts';

const {
  add,
  attention,
  avgPool,
  concat,
  convTranspose,
  gelu,
  layerNorm,
  matmul,
  maxPool,
  mean,
  mul,
  permute,
  reshape,
  resize,
  sigmoid,
  slice,
} = compute;

/** Where `npm run bench:peers` puts the peers; the package is too large for everybody's install. */
const peer =
  process.env['VOXELWISE_ONNXRUNTIME'] ??
  fileURLToPath(new URL('../../../../.tmp/peers/node_modules/onnxruntime-node', import.meta.url));

interface Runtime {
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
    ): Promise<{ run(feeds: object): Promise<Readonly<Record<string, { data: ArrayLike<number>; dims: number[] }>>> }>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => object;
}
const runtime = existsSync(peer) ? (createRequire(import.meta.url)(peer) as Runtime) : undefined;

async function inRuntime(bytes: Uint8Array, shape: readonly number[], data: Float32Array): Promise<ArrayLike<number>> {
  const session = await runtime!.InferenceSession.create(bytes);
  return (await session.run({ image: new runtime!.Tensor('float32', data, shape) }))['logits']!.data;
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-4): void {
  expect(found.length).toBe(expected.length);
  const greatest = Array.from(expected, Math.abs)
    .filter(Number.isFinite)
    .reduce((a, b) => Math.max(a, b), 1);
  Array.from(expected).forEach((value, k) => {
    if (Object.is(found[k], value) || found[k] === value) return;
    expect(Math.abs(found[k]! - value) / greatest).toBeLessThan(tolerance);
  });
}

const ops = new Map(
  Object.values(compute as unknown as Record<string, Partial<AnyOp>>).flatMap((one) =>
    typeof one === 'function' && one.cases ? [[one.name!, one as unknown as AnyOp]] : [],
  ) as [string, AnyOp][],
);

const isArea = (options: { mode?: string } | undefined): boolean => options?.mode === 'area';

describe.each(Object.keys(operators))('%s as ONNX', (name) => {
  const op = ops.get(name)! as unknown as AnyOp & ((inputs: object, options?: object) => Tensor | readonly Tensor[]);
  // Of cases that differ in the algorithm, one; averages are refused below.
  const cases = op.cases.filter(({ options }) => !('algorithm' in (options ?? {})) && !isArea(options));
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, { inputs, options }) => {
    const given = Object.entries(inputs as Record<string, CaseInput | undefined>).flatMap(([key, input], k) =>
      input ? [{ key, ...draw(input, 5 + k) }] : [],
    );
    const [first, ...rest] = given as [(typeof given)[0], ...typeof given];
    // The image is f32: another first input is made of it.
    const network: Module = {
      forward: (x) => {
        const start = first.dtype === 'f32' ? x : compute.cast({ x }, { dtype: first.dtype });
        const others = rest.map(({ key, shape, dtype, data }) => [key, tensor(x.device, data, shape, dtype)] as const);
        const made = op(Object.fromEntries([[first.key, start], ...others]), options);
        return Array.isArray(made) ? (made as readonly Tensor[])[0]! : (made as Tensor);
      },
    };
    const image = Float32Array.from(first.data);
    const expected = await (network.forward(tensor(createReferenceDevice(), image, first.shape)) as Tensor).read();
    const bytes = encodeNetworkOnnx(network, new Map(), { shapes: [first.shape] });
    const found = await evaluateOnnx(readOnnx(bytes), { shape: first.shape, data: image });
    expectClose(found, expected);
    if (runtime) expectClose(await inRuntime(bytes, first.shape, image), expected);
  });
});

/** Attention between patches, a gate by the mean, a skip, batch norm, a way up: parts that no planned network has. */
class Odd implements Module {
  readonly stem = new Convolution(1, 8, { kernel: [3, 3], stride: [2, 2], bias: true, slope: 0 });
  readonly norm = new BatchNormalization(8, 1e-5);
  readonly scale = new Parameter([8], { constant: 1.1 });
  readonly shift = new Parameter([8], { constant: -0.2 });
  readonly query = new Parameter([8, 8], { heNormal: { fanIn: 8, slope: 0 } });
  readonly gate = new Parameter([1, 8, 1, 1], { heNormal: { fanIn: 8, slope: 0 } });
  readonly up = new Parameter([8, 4, 2, 2], { heNormal: { fanIn: 8, slope: 0 } });
  readonly head = new Convolution(5, 3, { kernel: [1, 1], stride: [1, 1], bias: true, slope: 0 });

  forward(x: Tensor, how: Forward = {}): Tensor | readonly Tensor[] {
    const y = this.norm.forward(this.stem.forward(x), 0.1, how);
    const [n, c, height, width] = y.shape as readonly [number, number, number, number];
    const tokens = permute({ x: reshape({ x: y }, { shape: [n, c, height * width] }) }, { order: [0, 2, 1] });
    const normed = layerNorm({ x: tokens, scale: this.scale.value, shift: this.shift.value });
    const seen = attention({ q: matmul({ a: normed, b: this.query.value }), k: normed, v: tokens });
    const image = reshape(
      { x: permute({ x: gelu({ x: seen }) }, { order: [0, 2, 1] }) },
      { shape: [n, c, height, width] },
    );
    const gate = sigmoid({ x: mul({ a: mean({ x: image }, { axes: [2, 3], keepDims: true }), b: this.gate.value }) });
    const wide = convTranspose(
      { x: mul({ a: add({ a: image, b: y }), b: gate }), weight: this.up.value },
      { stride: 2 },
    );
    const logits = this.head.forward(concat({ wide, x }, { axis: 1 }));
    return how.deepSupervision ? [logits, y] : logits;
  }
}

/** Without sizes built in. */
class AnySize implements Module {
  readonly first = new Convolution(2, 4, { kernel: [3, 3, 3], stride: [1, 1, 1], bias: false, slope: 0 });
  readonly second = new Convolution(8, 2, { kernel: [1, 3, 3], stride: [1, 1, 1], bias: true, slope: 0 });

  forward(x: Tensor): Tensor {
    const y = this.first.forward(x);
    const pooled = { kernel: [2, 2, 2], stride: [2, 2, 2], padding: [0, 0, 0] };
    return this.second.forward(concat({ a: maxPool({ x: y }, pooled), b: avgPool({ x: y }, pooled) }, { axis: 1 }));
  }
}

const encode = async (network: Module, options: OnnxOptions): Promise<Uint8Array> =>
  encodeNetworkOnnx(network, await readWeights(network), options);

describe('a network of one’s own as ONNX', () => {
  const device = createReferenceDevice();
  const imageOf = (shape: readonly number[]): Float32Array => draw({ shape }, 8).data as Float32Array;
  const expectSame = async (network: Module, bytes: Uint8Array, shape: readonly number[]): Promise<void> => {
    const data = imageOf(shape);
    const expected = await (network.forward(tensor(device, data, shape)) as Tensor).read();
    expectClose(await evaluateOnnx(readOnnx(bytes), { shape, data }), expected);
    if (runtime) expectClose(await inRuntime(bytes, shape, data), expected);
  };

  it('gives the same logits at the one size that it was written for, and keeps its numbers', async () => {
    const network = new Odd();
    initialize(network, device, { seed: 3 });
    const bytes = await encode(network, { shapes: [[2, 1, 8, 12]], metadata: { who: 'me' }, name: 'odd' });
    await expectSame(network, bytes, [2, 1, 8, 12]);
    const model = readOnnx(bytes);
    expect(model.metadata).toEqual({ who: 'me' });
    expect(model.image.shape).toEqual([2, 1, 8, 12]);
    // Weights keep their names; the numbers of batch norm became two constants.
    expect([...model.tensors.keys()]).toEqual(expect.arrayContaining(['stem.weight', 'query', 'head.bias']));
    expect([...model.tensors.keys()].filter((name) => name.startsWith('norm.'))).toEqual([]);
  });

  it('gives every resolution where asked', async () => {
    const network = new Odd();
    initialize(network, device, { seed: 4 });
    const bytes = await encode(network, { shapes: [[1, 1, 4, 4]], deepSupervision: true });
    const model = readOnnx(bytes);
    expect(model.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['logits', [1, 3, 4, 4]],
      ['logits1', [1, 8, 2, 2]],
    ]);
    const data = imageOf([1, 1, 4, 4]);
    const [, low] = network.forward(tensor(device, data, [1, 1, 4, 4]), { deepSupervision: true }) as readonly Tensor[];
    expectClose(await evaluateOnnx(model, { shape: [1, 1, 4, 4], data }, 'logits1'), await low!.read());
  });

  it('takes any size where nothing hangs on it, and says so where something does', async () => {
    const network = new AnySize();
    initialize(network, device, { seed: 5 });
    const shapes = [
      [1, 2, 4, 4, 4],
      [3, 2, 6, 8, 4],
    ];
    const bytes = await encode(network, { shapes });
    const model = readOnnx(bytes);
    expect(model.image.shape).toEqual(['batch', 2, 'z', 'y', 4]);
    expect(model.outputs[0]!.shape).toEqual(['batch', 2, 'logits_2', 'logits_3', 2]);
    for (const shape of [...shapes, [2, 2, 10, 2, 4]]) await expectSame(network, bytes, shape);
    const odd = new Odd();
    initialize(odd, device, { seed: 6 });
    const both = [
      [1, 1, 4, 4],
      [1, 1, 8, 4],
    ];
    await expect(encode(odd, { shapes: both })).rejects.toThrow(/images \[1, 1, 8, 4\] is another than/);
  });

  it('refuses what ONNX has not, and what holds no numbers', async () => {
    const one = { shapes: [[1, 1, 4, 4]] };
    const refused = (forward: Module['forward']): Promise<Uint8Array> => encode({ forward }, one);
    await expect(refused((x) => compute.topMean({ x }))).rejects.toThrow(/uses topMean, which has no counterpart/);
    await expect(refused((x) => resize({ x }, { size: [3, 3], mode: 'area' }))).rejects.toThrow(NetworkError);
    await expect(refused((x) => compute.instanceNormWithMoments({ x })[1]!)).rejects.toThrow(
      /second result of instanceNorm/,
    );
    await expect(encode(new AnySize(), one)).rejects.toThrow(WeightsError);
    await expect(encode({ forward: (x) => x }, { shapes: [] })).rejects.toThrow(/one or more/);
  });

  it('averages by whole factors', async () => {
    const network: Module = { forward: (x) => resize({ x }, { size: [2, 4], mode: 'area' }) };
    await expectSame(network, await encode(network, { shapes: [[1, 2, 6, 4]] }), [1, 2, 6, 4]);
  });

  it('cuts no channel that is there', async () => {
    const network: Module = { forward: (x) => slice({ x }, { start: [0, 0, 0, 0], size: [1, 2, 3, 4] }) };
    await expectSame(network, await encode(network, { shapes: [[1, 2, 3, 4]] }), [1, 2, 3, 4]);
  });
});
