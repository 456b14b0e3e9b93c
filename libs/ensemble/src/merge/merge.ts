/** Several predictions of one case become one: mean of probabilities, or vote of segmentations. */
import type { LabelScheme } from '@voxelwise/planner';
import { EnsembleError } from '../errors.ts';
import { type LabelMap, requireSameShape } from '../label-map.ts';

/**
 * Mean of probabilities [C, z, y, x], in float32 as the reference adds them up.
 * Throws: EnsembleError if there are none, or they differ in length.
 */
export function meanProbabilities(members: readonly Float32Array[]): Float32Array {
  const [first, ...others] = members;
  if (first === undefined) throw new EnsembleError('meanProbabilities: needs at least one set of probabilities.', {});
  const odd = others.find((member) => member.length !== first.length);
  if (odd !== undefined)
    throw new EnsembleError(
      `meanProbabilities: members of ${first.length} and ${odd.length} values do not fit; were they predicted with the same labels on the same grid?`,
      {
        lengths: [first.length, odd.length],
      },
    );
  const sum = first.slice();
  for (const member of others) for (let i = 0; i < sum.length; i++) sum[i]! += member[i]!;
  return sum.map((value) => value / members.length);
}

/**
 * The segmentation of probabilities [C, z, y, x]: the class with the greatest one, the first of equals; with regions,
 * each region's number where its probability is above one half, later ones over earlier ones.
 * Throws: EnsembleError if the channels are not those of the label scheme.
 */
export function segmentProbabilities(
  probabilities: Float32Array,
  shape: LabelMap['shape'],
  scheme: LabelScheme,
): LabelMap {
  const size = shape[0] * shape[1] * shape[2];
  if (probabilities.length !== size * scheme.outputChannels)
    throw new EnsembleError(
      `segmentProbabilities: ${probabilities.length} values, expected [${scheme.outputChannels}, ${shape.join(', ')}].`,
      { expected: size * scheme.outputChannels, came: probabilities.length },
    );
  const order = scheme.regionsClassOrder;
  const largest = Math.max(...(order ?? [scheme.outputChannels - 1]));
  const voxels = largest < 256 ? new Uint8Array(size) : new Uint16Array(size);
  if (order === undefined) {
    const best = probabilities.slice(0, size);
    for (let c = 1; c < scheme.outputChannels; c++)
      for (let i = 0; i < size; i++) {
        const p = probabilities[c * size + i]!;
        if (p <= best[i]!) continue;
        best[i] = p;
        voxels[i] = c;
      }
  } else
    order.forEach((label, c) => {
      for (let i = 0; i < size; i++) if (probabilities[c * size + i]! > 0.5) voxels[i] = label;
    });
  return { voxels, shape };
}

/**
 * Each voxel takes the label most members gave it; of equally many the one the earliest member gave.
 * Throws: EnsembleError if the maps are not of one shape.
 */
export function vote(members: readonly LabelMap[]): LabelMap {
  requireSameShape(members, 'vote');
  const [first, ...others] = members;
  const voxels = first!.voxels.slice();
  const labels = new Int32Array(members.length);
  for (let i = 0; i < voxels.length; i++) {
    if (others.every((member) => member.voxels[i] === voxels[i])) continue;
    members.forEach((member, k) => (labels[k] = member.voxels[i]!));
    voxels[i] = mostFrequent(labels);
  }
  return { voxels, shape: first!.shape };
}

function mostFrequent(labels: Int32Array): number {
  let [best, most] = [labels[0]!, 0];
  for (const label of labels) {
    const count = labels.reduce((n, other) => n + Number(other === label), 0);
    if (count > most) [best, most] = [label, count];
  }
  return best;
}
