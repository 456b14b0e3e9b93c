/** Counting voxels: how often each reference label meets each predicted label, and what follows for a class or region. */
import { ScoreError } from '../errors.ts';

/** A class by its number, or a region by the numbers it is made of. */
export type LabelOrRegion = number | readonly number[];

/** Voxels of one class or region: in both, only predicted, only in the reference, in neither. */
export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

/** Up to this many pairs of labels are counted in a table, more in a map. */
const TABLE = 1 << 20;

/** Voxel counts of every pair (reference label, predicted label) that occurs. */
export class LabelPairs {
  readonly #pairs: readonly (readonly [reference: number, prediction: number, voxels: number])[];

  /**
   * Counts two label maps of the same length; voxels whose reference is `ignoreLabel` are left out.
   * Throws: ScoreError if the lengths differ or a label is not a whole number.
   */
  constructor(prediction: ArrayLike<number>, reference: ArrayLike<number>, ignoreLabel?: number) {
    if (prediction.length !== reference.length)
      throw new ScoreError(
        `score: the prediction has ${prediction.length} voxels, the reference ${reference.length}; they must lie on the same grid.`,
        { prediction: prediction.length, reference: reference.length },
      );
    this.#pairs = count(prediction, reference).filter(([label]) => label !== ignoreLabel);
  }

  /** Labels of the reference, ascending. */
  get referenceLabels(): number[] {
    return [...new Set(this.#pairs.map(([label]) => label))].sort((a, b) => a - b);
  }

  /** The counts for one class or region. */
  confusion(label: LabelOrRegion): Confusion {
    const members = new Set(typeof label === 'number' ? [label] : label);
    let [truePositives, falsePositives, falseNegatives, trueNegatives] = [0, 0, 0, 0];
    for (const [reference, prediction, voxels] of this.#pairs) {
      const [inReference, predicted] = [members.has(reference), members.has(prediction)];
      if (inReference && predicted) truePositives += voxels;
      else if (predicted) falsePositives += voxels;
      else if (inReference) falseNegatives += voxels;
      else trueNegatives += voxels;
    }
    return { truePositives, falsePositives, falseNegatives, trueNegatives };
  }
}

function count(prediction: ArrayLike<number>, reference: ArrayLike<number>): [number, number, number][] {
  const [a, b] = [range(reference), range(prediction)];
  if (a.size * b.size > TABLE) return countInMap(prediction, reference);
  const table = new Float64Array(a.size * b.size);
  for (let i = 0; i < reference.length; i++) table[(reference[i]! - a.low) * b.size + (prediction[i]! - b.low)]!++;
  const pairs: [number, number, number][] = [];
  table.forEach((voxels, at) => {
    if (voxels > 0) pairs.push([Math.floor(at / b.size) + a.low, (at % b.size) + b.low, voxels]);
  });
  return pairs;
}

function countInMap(prediction: ArrayLike<number>, reference: ArrayLike<number>): [number, number, number][] {
  const rows = new Map<number, Map<number, number>>();
  for (let i = 0; i < reference.length; i++) {
    let row = rows.get(reference[i]!);
    if (row === undefined) rows.set(reference[i]!, (row = new Map()));
    row.set(prediction[i]!, (row.get(prediction[i]!) ?? 0) + 1);
  }
  return [...rows].flatMap(([label, row]) =>
    [...row].map(([other, voxels]): [number, number, number] => [label, other, voxels]),
  );
}

function range(labels: ArrayLike<number>): { readonly low: number; readonly size: number } {
  let [low, high] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label))
      throw new ScoreError(`score: labels must be whole numbers, voxel ${i} holds ${label}.`, { voxel: i, label });
    if (label < low) low = label;
    else if (label > high) high = label;
  }
  return { low, size: high - low + 1 };
}
