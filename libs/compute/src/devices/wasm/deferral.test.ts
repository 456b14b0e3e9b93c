/** A normalized image is not kept where its input is: it is made when it is read, with the same bits. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { concat } from '../../ops/concat/concat.ts';
import { conv } from '../../ops/conv/conv.ts';
import type { ConvAlgorithm } from '../../ops/conv/geometry.ts';
import { instanceNorm } from '../../ops/instance-norm/instance-norm.ts';
import { square } from '../../ops/pointwise/pointwise.ts';
import { mean } from '../../ops/reduce/reduce.ts';
import { sgd } from '../../ops/sgd/sgd.ts';
import type { Device } from '../device.ts';
import { Philox } from '../../random/philox.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { sizeOf, type HostArray, type Shape } from '../../tensor/spec.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { createPlanningDevice } from './planning-device.ts';
import { createWasmDevice, type WasmDevice } from './wasm-device.ts';

let device: WasmDevice;
let threaded: WasmDevice;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1, profile: true });
  threaded = await createWasmDevice({ threads: 2 });
});
beforeEach(() => (device.profile as Map<string, number>).clear());
afterAll(() => [device, threaded].forEach((opened) => opened.dispose()));

/** Whether a normalized image was stored since the test began. */
const wasStored = (): boolean => device.profile.has('instanceNorm/norm_apply');

function normal(on: Device, seed: number, shape: Shape): Tensor {
  const rng = new Philox(seed);
  return tensor(
    on,
    Float32Array.from({ length: sizeOf(shape) }, () => rng.normal()),
    shape,
  );
}

interface Pass {
  readonly gradients: readonly HostArray[];
  readonly peakBytes: number;
}

const DEPTH = 6;

/** A chain of convolutions and normalizations with a connection past it, forward and backward; or with everything in between held. */
async function pass(on: Device, image: Shape, held: boolean): Promise<Pass> {
  const [channels, kernel] = [image[1]!, image.slice(2).map(() => 3)];
  const x = normal(on, 1, image);
  const weights = Array.from({ length: DEPTH }, (_, k) => normal(on, 2 + k, [channels, channels, ...kernel]));
  const last = normal(on, 20, [channels, 2 * channels, ...kernel]);
  const scale = normal(on, 21, [channels]);
  const parameters = [...weights, last, scale];
  const between: Tensor[] = [];
  const step = (t: Tensor): Tensor => (between.push(t), t);
  const layer = (input: Tensor, weight: Tensor): Tensor =>
    step(instanceNorm({ x: step(conv({ x: input, weight }, { padding: 1 })), scale }, { slope: 0.01 }));
  const before = on.memory().bytes;
  const { gradients } = valueAndGradients(() => {
    const first = layer(x, weights[0]!);
    const deep = weights.slice(1).reduce(layer, first);
    const value = mean({ x: square({ x: layer(concat({ a: deep, b: first }), last) }) });
    return held ? [value, ...between] : value;
  }, parameters);
  await on.flush();
  const peakBytes = on.memory().peakBytes - before;
  return { gradients: await Promise.all(gradients.map((gradient) => gradient!.read())), peakBytes };
}

it.each([
  ['3D', [2, 16, 6, 12, 10]],
  ['2D', [2, 11, 20, 18]],
] as const)('passes back the same gradients in %s as where all is kept', async (_, image) => {
  const kept = await pass(device, image, true);
  const deferred = await pass(device, image, false);
  expect(deferred.gradients).toEqual(kept.gradients);
});

it('keeps one image per layer instead of two', async () => {
  const image = [1, 16, 40, 64, 64];
  const { peakBytes } = await pass(createPlanningDevice({ threads: 1 }), image, false);
  // Those of seven layers, the joined image of two, and those where the walk back is; with a second image per layer it would be seven more.
  expect(peakBytes / (sizeOf(image) * 4)).toBeLessThan(14);
});

it('makes the image of the parameters that were, where the program moves them before it is read again', async () => {
  const [x, weight] = [normal(device, 1, [1, 8, 4, 6, 6]), normal(device, 2, [8, 8, 3, 3, 3])];
  const [scale, rate] = [normal(device, 3, [8]), tensor(device, [0.5], [])];
  const run = async (moves: boolean): Promise<HostArray> => {
    const raw = conv({ x, weight }, { padding: 1 });
    const own = tensor(device, await scale.read(), [8]);
    const early = instanceNorm({ x: raw, scale: own });
    const first = mean({ x: early });
    if (moves) sgd({ weight: own, gradient: scale, velocity: tensor(device, new Float32Array(8), [8]), rate });
    // Far enough from the first reader that the image is stored again.
    let far = raw;
    for (let k = 0; k < 12; k++) far = square({ x: far });
    const sum = mean({ x: concat({ a: early, b: raw }) });
    early.dispose();
    await first.read();
    far.dispose();
    return sum.read();
  };
  expect(await run(true)).toEqual(await run(false));
});

const TAKEN: Readonly<Record<string, { image: Shape; kernel: Shape; algorithm: ConvAlgorithm }>> = {
  F2: { image: [2, 8, 5, 11, 9], kernel: [3, 3, 3], algorithm: 'F2' },
  'F4, a kernel of one slice': { image: [1, 11, 3, 22, 13], kernel: [1, 3, 3], algorithm: 'F4' },
  'F4, a kernel of five slices': { image: [1, 8, 6, 9, 10], kernel: [5, 3, 3], algorithm: 'F4' },
  F2x4x4: { image: [2, 16, 7, 19, 10], kernel: [3, 3, 3], algorithm: 'F2x4x4' },
  F4x4x4: { image: [1, 16, 9, 18, 21], kernel: [3, 3, 3], algorithm: 'F4x4x4' },
  '2D': { image: [3, 8, 37, 42], kernel: [3, 3], algorithm: 'F4' },
  'one voxel': { image: [1, 8, 1, 1, 1], kernel: [3, 3, 3], algorithm: 'F4' },
};

it.each(Object.entries(TAKEN))(
  'is normalized where the next convolution loads it, with the same bits and zeros around it: %s',
  async (_, { image, kernel, algorithm }) => {
    const padding = kernel.map((taps) => (taps - 1) / 2);
    const read = async (on: WasmDevice, held: boolean, spoiled = false): Promise<HostArray> => {
      const data = (await normal(on, 1, image).read()) as Float32Array;
      if (spoiled) data[data.length - 1] = NaN;
      const channels = image[1]!;
      const [first, second] = [2, 3].map((seed) => normal(on, seed, [channels, channels, ...kernel])) as [
        Tensor,
        Tensor,
      ];
      // A shift far from zero: what lies outside of the image must not become it.
      const shift = tensor(on, new Float32Array(channels).fill(3), [channels]);
      const keptByCaller: Tensor[] = [];
      const y = scope(() => {
        const raw = conv({ x: tensor(on, data, image), weight: first }, { padding, algorithm });
        const normed = instanceNorm({ x: raw, shift }, { slope: 0.01 });
        if (held) keptByCaller.push(keep(normed));
        return conv({ x: normed, weight: second }, { padding, algorithm });
      });
      return y.read();
    };
    const taken = await read(device, false);
    expect(wasStored()).toBe(false);
    expect(await read(device, true)).toEqual(taken);
    expect(wasStored()).toBe(true);
    expect(await read(threaded, false)).toEqual(taken);
    const spoiled = await read(device, false, true);
    expect(Array.from(spoiled).some(Number.isNaN)).toBe(true);
    expect(spoiled).toEqual(await read(device, true, true));
  },
);

it('is stored for those who cannot take it otherwise', async () => {
  const stores = async (body: (raw: Tensor, normed: Tensor) => Tensor): Promise<boolean> => {
    (device.profile as Map<string, number>).clear();
    const weight = normal(device, 2, [8, 8, 3, 3, 3]);
    const y = scope(() => {
      const raw = conv({ x: normal(device, 1, [1, 8, 4, 8, 8]), weight }, { padding: 1, algorithm: 'F4' });
      return body(raw, instanceNorm({ x: raw }, { slope: 0.01 }));
    });
    await y.read();
    return wasStored();
  };
  const next = (x: Tensor, algorithm: ConvAlgorithm): Tensor =>
    conv({ x, weight: normal(device, 3, [8, 8, 3, 3, 3]) }, { padding: 1, algorithm });
  expect(await stores((_, normed) => next(normed, 'F4'))).toBe(false);
  expect(await stores((_, normed) => next(normed, 'direct'))).toBe(true);
  expect(await stores((_, normed) => concat({ a: next(normed, 'F4'), b: normed }))).toBe(true);
  expect(await stores((raw, normed) => concat({ a: next(normed, 'F4'), b: raw }))).toBe(false);
});
