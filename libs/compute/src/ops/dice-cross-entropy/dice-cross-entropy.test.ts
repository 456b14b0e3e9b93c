import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { createReferenceDevice } from '../../devices/reference/reference-device.ts';
import { testOp } from '../../testing/conformance.ts';
import { wasmDevices } from '../../testing/devices.ts';
import { readNpy, type NpyArray } from '../../testing/npy.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import {
  diceBinaryCrossEntropy,
  diceBinaryCrossEntropyGradient,
  diceBinaryCrossEntropyWithSums,
} from '../dice-binary-cross-entropy/dice-binary-cross-entropy.ts';
import { add } from '../pointwise/pointwise.ts';
import { topMean, topMeanGradient, topMeanWithThreshold } from '../top-mean/top-mean.ts';
import { voxelCrossEntropy, voxelCrossEntropyGradient } from '../voxel-cross-entropy/voxel-cross-entropy.ts';
import {
  crossEntropy,
  diceCrossEntropy,
  diceCrossEntropyGradient,
  diceCrossEntropyWithSums,
  softDice,
} from './dice-cross-entropy.ts';

testOp(diceCrossEntropyWithSums, { differentiable: [0] });
testOp(diceCrossEntropyGradient);
testOp(diceBinaryCrossEntropyWithSums, { differentiable: [0] });
testOp(diceBinaryCrossEntropyGradient);
testOp(voxelCrossEntropy);
testOp(voxelCrossEntropyGradient);
testOp(topMeanWithThreshold, { differentiable: [0], nonFinite: 'skip' });
testOp(topMeanGradient, { nonFinite: 'skip' });

const folder = new URL('../../../fixtures/loss/', import.meta.url);
const index = JSON.parse(readFileSync(new URL('index.json', folder), 'utf8')) as { name: string; loss: number }[];

/** The golden case's loss, by its name. */
function lossOf(name: string, logits: Tensor, target: Tensor): Tensor {
  const ignoreLabel = name.includes('ignore') ? 3 : null;
  const batchDice = name.endsWith('batchdice1') || /all_|topk|2d|only/.test(name);
  const inputs = { logits, target };
  if (name.startsWith('dc_bce')) return diceBinaryCrossEntropy(inputs, { batchDice });
  const topK = (labelSmoothing = 0): Tensor =>
    topMean({ x: voxelCrossEntropy(inputs, { ignoreLabel, labelSmoothing }) });
  if (name === 'dc_topk10') return add({ a: topK(), b: softDice(inputs, { batchDice }) });
  if (name.startsWith('topk10')) return topK(name.endsWith('ls01') ? 0.1 : 0);
  if (name === 'ce_only') return crossEntropy(inputs);
  if (name === 'dice_only_memeff') return softDice(inputs, { includeBackground: true, smooth: 1 });
  if (name === 'dice_only_legacy_smooth1') return softDice(inputs, { batchDice, smooth: 1 });
  return diceCrossEntropy(inputs, { batchDice, ignoreLabel });
}

/** The reference marks ignored voxels in the last channel; we mark those that count. */
function countedMask(name: string, target: NpyArray): NpyArray {
  if (!name.startsWith('dc_bce_regions_ignore')) return target;
  const [samples, channels, ...space] = target.shape;
  const voxels = space.reduce((product, n) => product * n, 1);
  for (let n = 0; n < samples; n++)
    for (let v = 0; v < voxels; v++) target.data[(n * channels + channels - 1) * voxels + v] ^= 1;
  return target;
}

describe('losses against the reference implementation', () => {
  const devices = [{ name: 'reference', open: () => Promise.resolve(createReferenceDevice()) }, ...wasmDevices];
  it.each(index)('$name', async ({ name, loss }) => {
    const logits = readNpy(new URL(`${name}_logits.npy`, folder));
    const target = countedMask(name, readNpy(new URL(`${name}_target.npy`, folder)));
    const gradient = readNpy(new URL(`${name}_grad.npy`, folder));
    for (const { name: where, open } of devices) {
      const device = await open();
      const x = tensor(device, logits.data, logits.shape);
      const truth = tensor(device, target.data, target.shape);
      const { value, gradients } = valueAndGradients(() => lossOf(name, x, truth), [x]);
      expect(Math.abs((await value.read())[0] - loss), `${where}: loss`).toBeLessThan(1e-5);
      const got = await gradients[0]!.read();
      const off = got.reduce((most, g, k) => Math.max(most, Math.abs(g - gradient.data[k])), 0);
      expect(off, `${where}: gradient`).toBeLessThan(1e-6);
    }
  });

  it('is NaN where a label is no class', async () => {
    for (const { open } of devices) {
      const device = await open();
      const inputs = {
        logits: tensor(device, [0, 1, 2, 3], [1, 2, 2]),
        target: tensor(device, Int32Array.of(0, 2), [1, 1, 2]),
      };
      expect((await diceCrossEntropy(inputs).read())[0]).toBeNaN();
    }
  });
});
