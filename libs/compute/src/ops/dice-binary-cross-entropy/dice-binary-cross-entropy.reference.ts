/** Dice plus binary cross-entropy on logits, as nnU-Net defines it for regions, in plain loops. */
import type { HostTensor, ReferenceKernel } from '../../op/op.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { DiceBinaryCrossEntropyOptions } from './dice-binary-cross-entropy.ts';

type Inputs = { logits: Tensor; target: Tensor };
const COLUMNS = 5;

interface Totals {
  readonly overlap: number;
  readonly mass: number;
}

function totals(
  sums: ArrayLike<number>,
  samples: number,
  regions: number,
  sample: number,
  region: number,
  batchDice: boolean,
): Totals {
  let overlap = 0;
  let mass = 0;
  for (let n = batchDice ? 0 : sample; n < (batchDice ? samples : sample + 1); n++) {
    const row = (n * regions + region) * COLUMNS;
    overlap += sums[row];
    mass += sums[row + 1] + sums[row + 2];
  }
  return { overlap, mass };
}

/** What the summed cross-entropy is divided by: all elements, or the mask's voxels (once, not per region). */
function divisor(sums: ArrayLike<number>, samples: number, regions: number, masked: boolean): number {
  let counted = 0;
  for (let n = 0; n < samples; n++) counted += sums[n * regions * COLUMNS + 4];
  return masked ? Math.max(counted, 1e-8) : counted * regions;
}

function eachElement(
  logits: HostTensor,
  target: HostTensor,
  visit: (element: number, row: number, truth: number, mask: number) => void,
): void {
  const [samples, regions] = logits.shape;
  const voxels = sizeOf(logits.shape.slice(2));
  const channels = target.shape[1];
  for (let n = 0; n < samples; n++)
    for (let r = 0; r < regions; r++)
      for (let v = 0; v < voxels; v++)
        visit(
          (n * regions + r) * voxels + v,
          n * regions + r,
          target.data[(n * channels + r) * voxels + v],
          channels > regions ? target.data[(n * channels + regions) * voxels + v] : 1,
        );
}

export const reference: ReferenceKernel<Inputs, DiceBinaryCrossEntropyOptions> = (
  { logits, target },
  options,
  [loss, sums],
) => {
  const [samples, regions] = logits.shape;
  const table = new Float64Array(samples * regions * COLUMNS);
  eachElement(logits, target, (element, row, truth, mask) => {
    const z = logits.data[element];
    const p = 1 / (1 + Math.exp(-z));
    const entropy = Math.max(z, 0) - z * truth + Math.log1p(Math.exp(-Math.abs(z)));
    [p * truth * mask, p * mask, truth * mask, entropy * mask, mask].forEach(
      (value, k) => (table[row * COLUMNS + k] += value),
    );
  });
  sums.data.set(table);
  const first = options.includeBackground ? 0 : 1;
  const groups = options.batchDice ? 1 : samples;
  let dice = 0;
  let entropy = 0;
  for (let row = 0; row < samples * regions; row++) entropy += table[row * COLUMNS + 3];
  for (let g = 0; g < groups; g++)
    for (let r = first; r < regions; r++) {
      const { overlap, mass } = totals(table, samples, regions, g, r, options.batchDice);
      dice += (2 * overlap + options.smooth) / Math.max(mass + options.smooth, 1e-8);
    }
  loss.data[0] =
    (options.crossEntropyWeight * entropy) / divisor(table, samples, regions, target.shape[1] > regions) -
    (options.diceWeight * dice) / (groups * (regions - first));
};

export const gradientReference: ReferenceKernel<
  Inputs & { sums: Tensor; dy: Tensor },
  DiceBinaryCrossEntropyOptions
> = ({ logits, target, sums, dy }, options, [dx]) => {
  const [samples, regions] = logits.shape;
  const first = options.includeBackground ? 0 : 1;
  const scale = (-options.diceWeight * dy.data[0]) / ((options.batchDice ? 1 : samples) * (regions - first));
  const pull =
    (options.crossEntropyWeight * dy.data[0]) / divisor(sums.data, samples, regions, target.shape[1] > regions);
  eachElement(logits, target, (element, row, truth, mask) => {
    const { overlap, mass } = totals(
      sums.data,
      samples,
      regions,
      Math.floor(row / regions),
      row % regions,
      options.batchDice,
    );
    const bound = Math.max(mass + options.smooth, 1e-8);
    const through = mass + options.smooth > 1e-8 ? (2 * overlap + options.smooth) / (bound * bound) : 0;
    const slope = row % regions < first ? 0 : scale * ((2 * truth) / bound - through);
    const p = 1 / (1 + Math.exp(-logits.data[element]));
    dx.data[element] = mask * (slope * p * (1 - p) + pull * (p - truth));
  });
};
