/** An output takes the place of an input that dies, where its kernels allow that, and no other. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { convBiasGradient } from '../../ops/conv/conv-gradients.ts';
import { conv } from '../../ops/conv/conv.ts';
import { instanceNorm } from '../../ops/instance-norm/instance-norm.ts';
import { add, square } from '../../ops/pointwise/pointwise.ts';
import { mean } from '../../ops/reduce/reduce.ts';
import { Philox } from '../../random/philox.ts';
import { scope } from '../../tensor/scope.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { createWasmDevice, type WasmDevice } from './wasm-device.ts';

let device: WasmDevice;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 2 });
});
afterAll(() => device.dispose());

function normal(on: WasmDevice, seed: number, shape: readonly number[]): Tensor {
  const rng = new Philox(seed);
  return tensor(
    on,
    Float32Array.from({ length: shape.reduce((all, n) => all * n, 1) }, () => rng.normal()),
    shape,
  );
}

const imageShape = [1, 16, 12, 20, 20];
const voxelBytes = imageShape.reduce((all, n) => all * n, 4);

it('normalizes where the convolution wrote, with the same bits as beside it', async () => {
  const x = normal(device, 1, imageShape);
  const weight = normal(device, 2, [16, 16, 3, 3, 3]);
  const temporary = scope(() => instanceNorm({ x: conv({ x, weight }, { padding: 1 }) }, { slope: 0.01 }));
  const inPlace = await temporary.read();
  const held = conv({ x, weight }, { padding: 1 });
  const before = await held.read();
  const again = conv({ x, weight }, { padding: 1 });
  const beside = await instanceNorm({ x: again }, { slope: 0.01 }).read();
  expect(inPlace).toEqual(beside);
  // What somebody holds stays as it was.
  expect(await again.read()).toEqual(before);
});

it('leaves an input alone that is read again', async () => {
  const x = normal(device, 1, imageShape);
  const weight = normal(device, 2, [16, 16, 3, 3, 3]);
  const residual = scope(() => {
    const inner = conv({ x, weight }, { padding: 1 });
    return conv({ x: add({ a: instanceNorm({ x: inner }, { slope: 0.01 }), b: inner }), weight }, { padding: 1 });
  });
  const inner = conv({ x, weight }, { padding: 1 });
  const normed = instanceNorm({ x: inner }, { slope: 0.01 });
  await device.flush();
  const beside = await conv({ x: add({ a: normed, b: inner }), weight }, { padding: 1 }).read();
  expect(await residual.read()).toEqual(beside);
});

it('passes the same gradients back', async () => {
  const weight = normal(device, 2, [16, 16, 3, 3, 3]);
  const x = normal(device, 1, imageShape);
  const layer = (input: Tensor): Tensor =>
    instanceNorm({ x: conv({ x: input, weight }, { padding: 1 }) }, { slope: 0.01 });
  const { gradients } = valueAndGradients(() => mean({ x: square({ x: layer(layer(x)) }) }), [weight]);
  const inPlace = await gradients[0]!.read();
  // One operation per program: nothing is temporary.
  const first = conv({ x, weight }, { padding: 1 });
  await device.flush();
  const alone = await createWasmDevice({ threads: 1 });
  const other = normal(alone, 2, [16, 16, 3, 3, 3]);
  const image = normal(alone, 1, imageShape);
  const outcome = valueAndGradients(() => {
    const held: Tensor[] = [];
    const step = (t: Tensor): Tensor => (held.push(t), t);
    const one = step(instanceNorm({ x: step(conv({ x: image, weight: other }, { padding: 1 })) }, { slope: 0.01 }));
    const two = step(instanceNorm({ x: step(conv({ x: one, weight: other }, { padding: 1 })) }, { slope: 0.01 }));
    return [mean({ x: square({ x: two }) }), ...held];
  }, [other]);
  expect(await outcome.gradients[0]!.read()).toEqual(inPlace);
  alone.dispose();
  first.dispose();
});

it('needs one image less', async () => {
  const fresh = await createWasmDevice({ threads: 1 });
  const x = normal(fresh, 1, imageShape);
  const factors = [0, 1].map((seed) => normal(fresh, seed, [16]));
  const before = fresh.memory().peakBytes;
  const y = scope(() => {
    let t = instanceNorm({ x, scale: factors[0], shift: factors[1] }, { slope: 0.01 });
    for (let k = 0; k < 3; k++) t = instanceNorm({ x: t, scale: factors[0], shift: factors[1] }, { slope: 0.01 });
    // Sums over space, read in blocks as they lie.
    return convBiasGradient({ dy: t });
  });
  await y.read();
  // The image converted to blocks, normalized four times where it lies; with a place beside it there would be two.
  expect(fresh.memory().peakBytes - before).toBeLessThan(1.5 * voxelBytes);
  fresh.dispose();
});
