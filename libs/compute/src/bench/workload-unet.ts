/**
 * Workload A of the benches: a plain 3D U-Net (1 -> 32, 64, 128, 256 features, two 3×3×3 convolutions per stage with
 * instance norm and leaky ReLU, strided downsampling, 2×2×2 transposed upsampling, 3 classes, deep supervision) on
 * patches of 40 × 56 × 40, batch 2: forward alone, and a whole training step (Dice + cross-entropy, backward, clipping,
 * SGD with Nesterov momentum).
 */
import { valueAndGradients } from '../autograd/backward.ts';
import type { Device } from '../devices/device.ts';
import { clipGradients } from '../ops/clip-gradients/clip-gradients.ts';
import { concat } from '../ops/concat/concat.ts';
import { convTranspose } from '../ops/conv-transpose/conv-transpose.ts';
import { conv } from '../ops/conv/conv.ts';
import { instanceNorm } from '../ops/instance-norm/instance-norm.ts';
import { add, div, mul, sub } from '../ops/pointwise/pointwise.ts';
import { mean, sum } from '../ops/reduce/reduce.ts';
import { sgd } from '../ops/sgd/sgd.ts';
import { logSoftmax, softmax } from '../ops/softmax/softmax.ts';
import { Philox } from '../random/philox.ts';
import { scope } from '../tensor/scope.ts';
import { sizeOf } from '../tensor/spec.ts';
import { tensor, zeros, type Tensor } from '../tensor/tensor.ts';

export interface UNetWorkload {
  forward(): Promise<void>;
  step(): Promise<void>;
  dispose(): void;
}

export interface UNetSettings {
  readonly features: readonly number[];
  readonly patch: readonly [number, number, number];
  readonly batch: number;
  readonly classes: number;
}

export const WORKLOAD_A: UNetSettings = { features: [32, 64, 128, 256], patch: [40, 56, 40], batch: 2, classes: 3 };

interface Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
}
interface Norm {
  readonly scale: Tensor;
  readonly shift: Tensor;
}
interface Stage {
  readonly convs: readonly (Layer & Norm & { readonly stride: number })[];
}

export function unetWorkload(device: Device, settings: UNetSettings = WORKLOAD_A): UNetWorkload {
  const { features, patch, batch, classes } = settings;
  const rng = new Philox(1);
  const parameters: Tensor[] = [];
  const drawn = (shape: readonly number[], deviation: number): Tensor => {
    const made = tensor(device, Float32Array.from({ length: sizeOf(shape) }, () => rng.normal() * deviation), shape);
    parameters.push(made);
    return made;
  };
  const constant = (size: number, value: number): Tensor => {
    const made = tensor(device, new Float32Array(size).fill(value), [size]);
    parameters.push(made);
    return made;
  };
  const layer = (outputs: number, inputs: number, kernel: number): Layer => ({ weight: drawn([outputs, inputs, kernel, kernel, kernel], Math.sqrt(2 / (inputs * kernel ** 3))), bias: constant(outputs, 0) });
  const stage = (inputs: number, outputs: number, stride: number): Stage => ({
    convs: [
      { ...layer(outputs, inputs, 3), scale: constant(outputs, 1), shift: constant(outputs, 0), stride },
      { ...layer(outputs, outputs, 3), scale: constant(outputs, 1), shift: constant(outputs, 0), stride: 1 },
    ],
  });
  const encoder = features.map((width, k) => stage(k === 0 ? 1 : features[k - 1]!, width, k === 0 ? 1 : 2));
  const decoder = features.slice(0, -1).map((width, k) => ({
    // A transposed convolution's weight is [inputs, outputs, kernel…].
    up: { weight: drawn([features[k + 1]!, width, 2, 2, 2], Math.sqrt(1 / features[k + 1]!)), bias: constant(width, 0) },
    stage: stage(2 * width, width, 1),
    head: layer(classes, width, 1),
  }));

  const run = (x: Tensor, { convs }: Stage): Tensor =>
    convs.reduce((y, { weight, bias, scale, shift, stride }) => instanceNorm({ x: conv({ x: y, weight, bias }, { stride, padding: 1 }), scale, shift }, { slope: 0.01 }), x);

  /** Logits per resolution, finest first; only the finest where `deep` is false. */
  const network = (x: Tensor, deep: boolean): Tensor[] => {
    const skips: Tensor[] = [];
    let y = x;
    for (const part of encoder) skips.push((y = run(y, part)));
    y = skips.pop()!;
    const logits: Tensor[] = [];
    for (let k = decoder.length - 1; k >= 0; k--) {
      const { up, stage: part, head } = decoder[k]!;
      const upsampled = convTranspose({ x: y, ...up }, { stride: 2 });
      y = run(concat({ a: upsampled, b: skips[k]! }), part);
      if (deep || k === 0) logits.unshift(conv({ x: y, ...head }));
    }
    return logits;
  };

  const x = tensor(device, Float32Array.from({ length: batch * sizeOf(patch) }, () => rng.normal()), [batch, 1, ...patch]);
  const targets = decoder.map((_, k) => {
    const space = patch.map((n) => Math.floor(n / 2 ** k));
    const voxels = sizeOf(space);
    const data = new Float32Array(batch * classes * voxels);
    for (let n = 0; n < batch; n++) for (let v = 0; v < voxels; v++) data[(n * classes + rng.integer(0, classes)) * voxels + v] = 1;
    return tensor(device, data, [batch, classes, ...space]);
  });
  const velocities = parameters.map((parameter) => zeros(device, parameter.shape));
  const rate = tensor(device, [0.01], [1]);
  const constants = [1e-5, 2, 1, 2 / 3, 1 / 3].map((value) => tensor(device, [value], [1]));
  const [epsilon, two, , first, second] = constants as [Tensor, Tensor, Tensor, Tensor, Tensor];

  const diceAndCrossEntropy = (logits: Tensor, target: Tensor): Tensor => {
    const crossEntropy = mean({ x: sum({ x: mul({ a: logSoftmax({ x: logits }), b: target }) }, { axes: [1] }) });
    const probability = softmax({ x: logits });
    const inter = sum({ x: mul({ a: probability, b: target }) }, { axes: [2, 3, 4] });
    const total = add({ a: sum({ x: probability }, { axes: [2, 3, 4] }), b: sum({ x: target }, { axes: [2, 3, 4] }) });
    const dice = div({ a: add({ a: mul({ a: inter, b: two }), b: epsilon }), b: add({ a: total, b: epsilon }) });
    return sub({ a: sub({ a: epsilon, b: crossEntropy }), b: mean({ x: dice }) });
  };

  return {
    async forward() {
      const logits = scope(() => network(x, false));
      await device.flush();
      for (const output of logits) output.dispose();
    },
    async step() {
      const loss = scope(() => {
        const { value, gradients } = valueAndGradients(() => {
          const logits = network(x, true);
          return add({ a: mul({ a: diceAndCrossEntropy(logits[0]!, targets[0]!), b: first }), b: mul({ a: diceAndCrossEntropy(logits[1]!, targets[1]!), b: second }) });
        }, parameters);
        const reached = parameters.flatMap((weight, k) => (gradients[k] === undefined ? [] : [{ weight, velocity: velocities[k]!, gradient: gradients[k] }]));
        const { scale } = clipGradients(
          reached.map(({ gradient }) => gradient),
          { norm: 12 },
        );
        for (const one of reached) sgd({ ...one, rate, scale });
        return value;
      });
      await loss.read();
      loss.dispose();
    },
    dispose() {
      for (const made of [...parameters, ...velocities, ...targets, ...constants, x, rate]) made.dispose();
    },
  };
}
