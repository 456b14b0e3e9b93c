/** What fusing Dice and cross-entropy buys over the composition it replaces: npx vitest bench --run libs/compute/src/ops/dice-cross-entropy */
import { bench, describe } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { createWasmDevice } from '../../devices/wasm/wasm-device.ts';
import { scope } from '../../tensor/scope.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { oneHot } from '../one-hot/one-hot.ts';
import { add, div, mul, scaleOffset, sub } from '../pointwise/pointwise.ts';
import { mean, sum } from '../reduce/reduce.ts';
import { logSoftmax, softmax } from '../softmax/softmax.ts';
import { diceCrossEntropy } from './dice-cross-entropy.ts';

const shape = [2, 3, 40, 56, 40];
const device = await createWasmDevice({ threads: 1 });
const logits = tensor(
  device,
  Float32Array.from({ length: sizeOf(shape) }, (_, k) => Math.sin(k * 1.7)),
  shape,
);
const target = tensor(
  device,
  Int32Array.from({ length: sizeOf(shape) / 3 }, (_, k) => k % 3),
  [2, 1, 40, 56, 40],
);

function composed(): Tensor {
  const space = [2, 3, 4];
  const g = oneHot({ labels: target }, { classes: 3 });
  const p = softmax({ x: logits });
  const crossEntropy = scaleOffset({ x: mean({ x: mul({ a: logSoftmax({ x: logits }), b: g }) }) }, { scale: -3 });
  const overlap = sum({ x: mul({ a: p, b: g }) }, { axes: space });
  const mass = add({ a: sum({ x: p }, { axes: space }), b: sum({ x: g }, { axes: space }) });
  const ratio = div({
    a: scaleOffset({ x: overlap }, { scale: 2, offset: 1e-5 }),
    b: scaleOffset({ x: mass }, { offset: 1e-5 }),
  });
  return sub({ a: crossEntropy, b: mean({ x: ratio }) });
}

async function withGradient(loss: () => Tensor): Promise<void> {
  const { value, gradients } = scope(() => valueAndGradients(loss, [logits]));
  await device.flush();
  value.dispose();
  gradients[0]!.dispose();
}

describe(`loss and gradient of [${shape.join(', ')}], ${device.name}`, () => {
  bench('fused', () => withGradient(() => diceCrossEntropy({ logits, target }, { includeBackground: true })));
  bench('composed', () => withGradient(composed));
});
