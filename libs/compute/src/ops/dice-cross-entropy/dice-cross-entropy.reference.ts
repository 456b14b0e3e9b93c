/** Dice plus cross-entropy as nnU-Net defines it (Isensee 2021), in plain loops. */
import type { HostTensor, ReferenceKernel } from '../../op/op.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { DiceCrossEntropyOptions } from './options.ts';

type Inputs = { logits: Tensor; target: Tensor; weight?: Tensor | undefined };

/** Softmax of one voxel's logits. */
export function probabilities(
  logits: HostTensor,
  sample: number,
  voxel: number,
  voxels: number,
  into: Float64Array,
): void {
  const classes = into.length;
  let most = -Infinity;
  for (let c = 0; c < classes; c++) {
    const z = logits.data[(sample * classes + c) * voxels + voxel];
    most = Number.isNaN(z) ? NaN : Math.max(most, z);
    into[c] = z;
  }
  let total = 0;
  for (let c = 0; c < classes; c++) total += into[c] = Math.exp(into[c] - most);
  for (let c = 0; c < classes; c++) into[c] /= total;
}

/** Minus the logarithm of the target's probability, from the logits: exact where the probability is tiny. */
export function surprise(logits: HostTensor, sample: number, voxel: number, voxels: number, label: number): number {
  const classes = logits.shape[1];
  if (!(label >= 0 && label < classes)) return NaN;
  const at = (c: number): number => logits.data[(sample * classes + c) * voxels + voxel];
  let most = -Infinity;
  for (let c = 0; c < classes; c++) most = Number.isNaN(at(c)) ? NaN : Math.max(most, at(c));
  let total = 0;
  for (let c = 0; c < classes; c++) total += Math.exp(at(c) - most);
  return Math.log(total) + most - at(label);
}

export const reference: ReferenceKernel<Inputs, DiceCrossEntropyOptions> = (
  { logits, target, weight },
  options,
  [loss, sums],
) => {
  const [samples, classes] = logits.shape;
  const voxels = sizeOf(logits.shape.slice(2));
  const columns = 3 * classes + 2;
  const p = new Float64Array(classes);
  const table = new Float64Array(samples * columns);
  for (let n = 0; n < samples; n++)
    for (let v = 0; v < voxels; v++) {
      const label = target.data[n * voxels + v];
      if (label === options.ignoreLabel) continue;
      probabilities(logits, n, v, voxels, p);
      const row = n * columns;
      for (let c = 0; c < classes; c++) {
        table[row + classes + c] += p[c];
        if (c !== label) continue;
        table[row + c] += p[c];
        table[row + 2 * classes + c]++;
      }
      const own = weight?.data[label] ?? 1;
      table[row + 3 * classes] += own * surprise(logits, n, v, voxels, label);
      table[row + 3 * classes + 1] += label >= 0 && label < classes ? own : 0;
    }
  sums.data.set(table);
  const { dice, crossEntropy } = terms(table, samples, classes, options);
  loss.data[0] =
    (options.crossEntropyWeight !== 0 ? options.crossEntropyWeight * crossEntropy : 0) -
    (options.diceWeight !== 0 ? options.diceWeight * dice : 0);
};

/** Mean Dice over classes (and samples) and mean cross-entropy, from the sums. */
function terms(
  table: Float64Array,
  samples: number,
  classes: number,
  { batchDice, includeBackground, smooth }: DiceCrossEntropyOptions,
): { dice: number; crossEntropy: number } {
  const columns = 3 * classes + 2;
  const first = includeBackground ? 0 : 1;
  const column = (k: number, from: number, to: number): number => {
    let total = 0;
    for (let n = from; n < to; n++) total += table[n * columns + k];
    return total;
  };
  const groups = batchDice ? 1 : samples;
  let dice = 0;
  for (let g = 0; g < groups; g++)
    for (let c = first; c < classes; c++) {
      const [from, to] = batchDice ? [0, samples] : [g, g + 1];
      const mass = column(classes + c, from, to) + column(2 * classes + c, from, to);
      dice += (2 * column(c, from, to) + smooth) / Math.max(mass + smooth, 1e-8);
    }
  const entropy = column(3 * classes, 0, samples);
  const counted = column(3 * classes + 1, 0, samples);
  return {
    dice: dice / (groups * (classes - first)),
    crossEntropy: counted === 0 && entropy === 0 ? 0 : entropy / counted,
  };
}

/** d loss / d logits; see the kernel for the formulas. */
export const gradientReference: ReferenceKernel<Inputs & { sums: Tensor; dy: Tensor }, DiceCrossEntropyOptions> = (
  { logits, target, weight, sums, dy },
  { batchDice, includeBackground, smooth, ignoreLabel, diceWeight, crossEntropyWeight },
  [dx],
) => {
  const [samples, classes] = logits.shape;
  const voxels = sizeOf(logits.shape.slice(2));
  const columns = 3 * classes + 2;
  const first = includeBackground ? 0 : 1;
  const scale = (-diceWeight * dy.data[0]) / ((classes - first) * (batchDice ? 1 : samples));
  let counted = 0;
  for (let n = 0; n < samples; n++) counted += sums.data[n * columns + 3 * classes + 1];
  const p = new Float64Array(classes);
  const slope = new Float64Array(classes);
  for (let n = 0; n < samples; n++) {
    const own = batchDice ? [...Array(samples).keys()] : [n];
    const total = (k: number): number => own.reduce((sum, m) => sum + sums.data[m * columns + k], 0);
    const overlaps = Array.from({ length: classes }, (_, c) => total(c));
    const masses = Array.from({ length: classes }, (_, c) => total(classes + c) + total(2 * classes + c));
    for (let v = 0; v < voxels; v++) {
      const label = target.data[n * voxels + v];
      if (label === ignoreLabel) continue;
      probabilities(logits, n, v, voxels, p);
      let mixed = 0;
      for (let c = 0; c < classes; c++) {
        const bound = Math.max(masses[c] + smooth, 1e-8);
        const through = masses[c] + smooth > 1e-8 ? (2 * overlaps[c] + smooth) / (bound * bound) : 0;
        slope[c] = c < first ? 0 : scale * ((c === label ? 2 / bound : 0) - through);
        mixed += slope[c] * p[c];
      }
      const pull = counted === 0 ? 0 : (crossEntropyWeight * dy.data[0] * (weight?.data[label] ?? 1)) / counted;
      for (let c = 0; c < classes; c++)
        dx.data[(n * classes + c) * voxels + v] = p[c] * (slope[c] - mixed) + pull * (p[c] - (c === label ? 1 : 0));
    }
  }
};
