/** Dice on validation patches: counts over all patches, then one ratio per class. Quick, and no substitute for whole cases. */
import type { LabelScheme } from '@voxelwise/planner';

export class PseudoDice {
  readonly #scheme: LabelScheme;
  readonly #truePositive: Float64Array;
  readonly #falsePositive: Float64Array;
  readonly #falseNegative: Float64Array;

  constructor(scheme: LabelScheme) {
    const classes = scheme.foreground.length;
    this.#scheme = scheme;
    this.#truePositive = new Float64Array(classes);
    this.#falsePositive = new Float64Array(classes);
    this.#falseNegative = new Float64Array(classes);
  }

  /** `logits` [N, K, voxels], `targets` as `targetsOf` makes them. Ignored voxels count nothing. */
  add(logits: Float32Array, targets: { readonly channels: number; readonly data: Int32Array }, samples: number): void {
    if (this.#scheme.hasRegions) this.#addRegions(logits, targets, samples);
    else this.#addLabels(logits, targets.data, samples);
  }

  /** Per foreground class: 2 TP / (2 TP + FP + FN), null where the three are 0. */
  dice(): readonly (number | null)[] {
    return Array.from(this.#truePositive, (tp, k) => {
      const all = 2 * tp + this.#falsePositive[k]! + this.#falseNegative[k]!;
      return all === 0 ? null : (2 * tp) / all;
    });
  }

  /** Mean over the classes that have a Dice; null if none has. */
  mean(): number | null {
    const there = this.dice().filter((dice) => dice !== null);
    return there.length === 0 ? null : there.reduce((sum, dice) => sum + dice, 0) / there.length;
  }

  #addLabels(logits: Float32Array, targets: Int32Array, samples: number): void {
    const classes = this.#scheme.allLabels.length;
    const voxels = targets.length / samples;
    for (let n = 0; n < samples; n++) {
      const from = n * classes * voxels;
      for (let v = 0; v < voxels; v++) {
        const wanted = targets[n * voxels + v]!;
        if (wanted < 0) continue;
        let best = 0;
        for (let k = 1; k < classes; k++)
          if (logits[from + k * voxels + v]! > logits[from + best * voxels + v]!) best = k;
        if (best === wanted) {
          if (best > 0) this.#truePositive[best - 1]!++;
          continue;
        }
        if (best > 0) this.#falsePositive[best - 1]!++;
        if (wanted > 0) this.#falseNegative[wanted - 1]!++;
      }
    }
  }

  #addRegions(
    logits: Float32Array,
    targets: { readonly channels: number; readonly data: Int32Array },
    samples: number,
  ): void {
    const regions = this.#scheme.foreground.length;
    const voxels = targets.data.length / samples / targets.channels;
    const masked = targets.channels > regions;
    for (let n = 0; n < samples; n++)
      for (let r = 0; r < regions; r++)
        for (let v = 0; v < voxels; v++) {
          const of = n * targets.channels * voxels + v;
          if (masked && targets.data[of + regions * voxels] === 0) continue;
          const truth = targets.data[of + r * voxels] === 1;
          // sigmoid(x) > ½ exactly where x > 0
          const found = logits[(n * regions + r) * voxels + v]! > 0;
          if (truth && found) this.#truePositive[r]!++;
          else if (found) this.#falsePositive[r]!++;
          else if (truth) this.#falseNegative[r]!++;
        }
  }
}
