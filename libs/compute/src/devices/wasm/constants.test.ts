/** What a program computes of weights alone is kept while nobody writes them, and no longer. */
import { afterEach, expect, it } from 'vitest';
import { conv } from '../../ops/conv/conv.ts';
import { convTranspose } from '../../ops/conv-transpose/conv-transpose.ts';
import { sgd } from '../../ops/sgd/sgd.ts';
import { Philox } from '../../random/philox.ts';
import { tensor, zeros, type Tensor } from '../../tensor/tensor.ts';
import type { Device } from '../device.ts';
import { createPlanningDevice } from './planning-device.ts';
import { createWasmDevice, type WasmDevice } from './wasm-device.ts';

const devices: WasmDevice[] = [];
const open = async (maxBytes?: number): Promise<WasmDevice> => {
  const device = await createWasmDevice({ threads: 1, profile: true, ...(maxBytes && { maxBytes }) });
  devices.push(device);
  return device;
};
afterEach(() => devices.splice(0).forEach((device) => device.dispose()));

function normal(device: Device, seed: number, shape: readonly number[]): Tensor {
  const rng = new Philox(seed);
  return tensor(
    device,
    Float32Array.from({ length: shape.reduce((all, n) => all * n, 1) }, () => rng.normal()),
    shape,
  );
}

const imageShape = [1, 16, 6, 9, 10];
const weightShape = [16, 16, 3, 3, 3];

/** A Winograd convolution, a strided one and a transposed one, all of the same weights; and whether weights were transformed for it. */
async function predict(device: WasmDevice, x: Tensor, weight: Tensor): Promise<{ data: Float32Array; made: string[] }> {
  (device.profile as Map<string, number>).clear();
  const inner = conv({ x, weight }, { padding: 1, algorithm: 'F2x4x4' });
  const half = conv({ x: inner, weight }, { padding: 1, stride: 2 });
  const y = convTranspose({ x: half, weight }, { stride: 2 });
  for (const temporary of [inner, half]) temporary.dispose();
  const data = (await y.read()) as Float32Array;
  y.dispose();
  return { data, made: [...device.profile.keys()].filter((key) => /winograd_weights|conv_pack/.test(key)) };
}

/** The same on a device that has nothing kept. */
async function afresh(seed: number, change?: (device: WasmDevice, weight: Tensor) => void): Promise<Float32Array> {
  const device = await open();
  const weight = normal(device, seed, weightShape);
  change?.(device, weight);
  return (await predict(device, normal(device, 1, imageShape), weight)).data;
}

it('transforms weights once for many predictions, with the same bits', async () => {
  const device = await open();
  const x = normal(device, 1, imageShape);
  const weight = normal(device, 2, weightShape);
  const first = await predict(device, x, weight);
  expect(first.made).toHaveLength(3);
  for (let k = 0; k < 2; k++) {
    const again = await predict(device, x, weight);
    expect(again.made).toEqual([]);
    expect(again.data).toEqual(first.data);
  }
  const otherImage = await predict(device, normal(device, 3, imageShape), weight);
  expect(otherImage.made).toEqual([]);
  expect(otherImage.data).not.toEqual(first.data);
});

it('transforms again what was written in place', async () => {
  const step = (device: WasmDevice, weight: Tensor): void => {
    sgd({
      weight,
      velocity: zeros(device, weightShape),
      gradient: normal(device, 5, weightShape),
      rate: tensor(device, [0.1], []),
    });
  };
  const device = await open();
  const x = normal(device, 1, imageShape);
  const weight = normal(device, 2, weightShape);
  await predict(device, x, weight);
  step(device, weight);
  await device.flush();
  const after = await predict(device, x, weight);
  expect(after.made).toHaveLength(3);
  expect(after.data).toEqual(await afresh(2, step));
  // Predicting and writing in one program keeps nothing.
  step(device, weight);
  expect((await predict(device, x, weight)).made).toHaveLength(3);
  expect((await predict(device, x, weight)).made).toHaveLength(3);
  expect((await predict(device, x, weight)).made).toEqual([]);
});

it('tells weights apart that take the same place', async () => {
  const device = await open();
  const x = normal(device, 1, imageShape);
  const one = normal(device, 2, weightShape);
  await predict(device, x, one);
  const other = normal(device, 6, weightShape);
  expect((await predict(device, x, other)).data).toEqual(await afresh(6));
  expect((await predict(device, x, one)).data).toEqual(await afresh(2));
  for (const weight of [one, other]) weight.dispose();
  // Where the first lay.
  expect((await predict(device, x, normal(device, 7, weightShape))).data).toEqual(await afresh(7));
});

it('gives the memory back with the weights', async () => {
  const device = await open();
  const x = normal(device, 1, imageShape);
  const weight = normal(device, 2, weightShape);
  await predict(device, x, weight);
  const before = device.memory().bytes;
  weight.dispose();
  // The transformed weights alone are 4 · 36 · 16 · 16 numbers.
  expect(before - device.memory().bytes).toBeGreaterThan((144 + 27) * 16 * 16 * 4);
});

it('keeps what there is room for, and makes the rest again', async () => {
  // A sixteenth of the limit is theirs: enough for the Winograd transform and one packed kernel.
  const device = await open(3 * 2 ** 20);
  const x = normal(device, 1, imageShape);
  const weight = normal(device, 2, weightShape);
  const first = await predict(device, x, weight);
  const again = await predict(device, x, weight);
  expect(again.made).toEqual(['convTranspose/conv_pack']);
  expect(again.data).toEqual(first.data);
});

it('gives up kept weights where there is no room for them', async () => {
  const [large, wide] = [
    [1, 32, 24, 36, 40],
    [32, 32, 3, 3, 3],
  ];
  const work = async (device: Device): Promise<Float32Array[]> => {
    const [x, weight] = [normal(device, 1, large!), normal(device, 2, wide!)];
    const found: Float32Array[] = [];
    for (const stride of [1, 2, 1]) {
      const y = conv({ x, weight }, { padding: 1, stride, algorithm: stride === 1 ? 'F2x4x4' : 'direct' });
      found.push((await y.read()) as Float32Array);
      y.dispose();
    }
    return found;
  };
  const planned = createPlanningDevice({ threads: 1 });
  await work(planned);
  const { peakBytes } = planned.memory();
  // The device's own page, and what small pieces share: less than the transformed weights, which a sixteenth would hold.
  const tight = await open(Math.ceil(peakBytes * (1 + 1 / 54)) + 2 ** 16);
  const transformed = 144 * 32 * 32 * 4;
  expect(tight.memory().limitBytes - peakBytes).toBeLessThan(transformed);
  expect(tight.memory().limitBytes / 16).toBeGreaterThan(transformed);
  expect(await work(tight)).toEqual(await work(await open()));
});

it('gives up the arena of a larger program where a smaller one needs room', async () => {
  const work = async (device: Device): Promise<Float32Array> => {
    const x = normal(device, 1, [1, 4, 40, 40, 40]);
    const [wide, narrow] = [normal(device, 2, [64, 4, 3, 3, 3]), normal(device, 3, [4, 64, 3, 3, 3])];
    const inner = conv({ x, weight: wide }, { padding: 1 });
    const small = conv({ x: inner, weight: narrow }, { padding: 1 });
    inner.dispose();
    await small.read();
    // Nothing of this lies in an arena.
    const large = conv({ x, weight: normal(device, 4, [40, 4, 1, 1, 1]) });
    return (await large.read()) as Float32Array;
  };
  const free = await open();
  const expected = await work(free);
  const tight = await open(Math.round(0.75 * free.memory().peakBytes));
  expect(await work(tight)).toEqual(expected);
});
