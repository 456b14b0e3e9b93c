/** A normalized image is not kept where its input is: it is stored again when it is read, with the same bits. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { concat } from '../../ops/concat/concat.ts';
import { conv } from '../../ops/conv/conv.ts';
import { instanceNorm } from '../../ops/instance-norm/instance-norm.ts';
import { square } from '../../ops/pointwise/pointwise.ts';
import { mean } from '../../ops/reduce/reduce.ts';
import { sgd } from '../../ops/sgd/sgd.ts';
import type { Device } from '../device.ts';
import { Philox } from '../../random/philox.ts';
import { sizeOf, type HostArray, type Shape } from '../../tensor/spec.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { createPlanningDevice } from './planning-device.ts';
import { createWasmDevice, type WasmDevice } from './wasm-device.ts';

let device: WasmDevice;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1 });
});
afterAll(() => device.dispose());

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
