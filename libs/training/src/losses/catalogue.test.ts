import {
  createReferenceDevice,
  createWasmDevice,
  Philox,
  tensor,
  valueAndGradients,
  type Device,
} from '@voxelwise/compute';
import { labelScheme, type LabelScheme } from '@voxelwise/planner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lossNamed, lossNames } from './catalogue.ts';

const labels = labelScheme({ background: 0, a: 1, b: 2 });
const ignoring = labelScheme({ background: 0, a: 1, b: 2, ignore: 3 });
const regions = labelScheme({ background: 0, whole: [1, 2], core: [2] }, [1, 2]);
const shape = [2, 4, 5, 6];
const voxels = 2 * 4 * 5 * 6;

let wasm: Device;
beforeAll(async () => {
  wasm = await createWasmDevice({ threads: 1 });
});
afterAll(() => wasm.dispose());

function draw(scheme: LabelScheme): { logits: Float32Array; target: Int32Array; channels: number; targets: number } {
  const random = new Philox(3);
  const channels = scheme.hasRegions ? 2 : 3;
  const logits = Float32Array.from({ length: voxels * channels }, () => random.normal());
  const targets = scheme.hasRegions ? 2 : 1;
  const target = Int32Array.from({ length: voxels * targets }, () =>
    scheme.hasRegions ? random.integer(0, 2) : random.integer(scheme.ignoreLabel === undefined ? 0 : -1, 3),
  );
  return { logits, target, channels, targets };
}

async function lossOn(
  device: Device,
  name: string,
  scheme: LabelScheme,
  change?: (logits: Float32Array) => void,
): Promise<{ value: number; gradient: Float32Array }> {
  const { logits, target, channels, targets } = draw(scheme);
  change?.(logits);
  const x = tensor(device, logits, [2, channels, ...shape.slice(1)]);
  const t = tensor(device, target, [2, targets, ...shape.slice(1)]);
  const { value, gradients } = valueAndGradients(() => lossNamed(name, scheme, { batchDice: false }).apply(x, t), [x]);
  return { value: (await value.read())[0]!, gradient: (await gradients[0]!.read()) as Float32Array };
}

describe.each([
  ['labels', labels],
  ['labels with an ignore label', ignoring],
  ['regions', regions],
] as const)('losses of %s', (_, scheme) => {
  it.each(lossNames(scheme))('%s has the derivative it claims, and is the same on the WASM device', async (name) => {
    const device = createReferenceDevice();
    const { value, gradient } = await lossOn(device, name, scheme);
    for (const k of [0, 77, 301]) {
      const step = 1e-2;
      const at = async (by: number): Promise<number> =>
        (await lossOn(device, name, scheme, (logits) => (logits[k]! += by))).value;
      expect(Math.abs((await at(step)) - (await at(-step)) - 2 * step * gradient[k]!)).toBeLessThan(2e-6);
    }
    const fast = await lossOn(wasm, name, scheme);
    expect(fast.value).toBeCloseTo(value, 4);
    fast.gradient.forEach((g, k) => expect(Math.abs(g - gradient[k]!)).toBeLessThan(1e-5));
  });
});

it('tversky with equal weights of one half is Dice', async () => {
  const { tverskyOfLabels } = await import('./tversky.ts');
  const device = createReferenceDevice();
  const { logits, target } = draw(ignoring);
  const x = tensor(device, logits, [2, 3, ...shape.slice(1)]);
  const t = tensor(device, target, [2, 1, ...shape.slice(1)]);
  // (TP + s/2) / (½ Σp + ½ Σg + s/2) = (2 TP + s) / (Σp + Σg + s)
  const half = tverskyOfLabels(x, t, { alpha: 0.5, beta: 0.5, smooth: 0.5e-5, batchDice: false });
  const dice = lossNamed('dice', ignoring, { batchDice: false }).apply(x, t);
  expect((await half.read())[0]).toBeCloseTo((await dice.read())[0]!, 5);
});

it('names the losses there are', () => {
  expect(() => lossNamed('hinge', labels, { batchDice: false })).toThrow(
    /no loss called hinge for labels; known are dice\+ce, ce, dice, topk/,
  );
});
