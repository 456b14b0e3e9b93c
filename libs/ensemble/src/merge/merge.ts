/** Several predictions of one case become one: mean of probabilities, or vote of segmentations. */
import type { LabelScheme } from '@voxelwise/planner';
import { EnsembleError } from '../errors.ts';
import { type LabelMap, requireSameShape } from '../label-map.ts';

/**
 * Mean of probabilities [C, z, y, x], or of one channel of them, in float32 as the reference adds them up.
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
  const running = new RunningSegmentation(shape, scheme);
  for (let c = 0; c < scheme.outputChannels; c++) running.take(probabilities.subarray(c * size, (c + 1) * size));
  return running.map;
}

/** The same from channels that come one after the other and need not be together. Complete with the scheme's last channel. */
export class RunningSegmentation {
  readonly map: LabelMap;
  readonly #regions: readonly number[] | undefined;
  #best: Float32Array | undefined;
  #taken = 0;

  constructor(shape: LabelMap['shape'], { outputChannels, regionsClassOrder: order }: LabelScheme) {
    const size = shape[0] * shape[1] * shape[2];
    const largest = Math.max(...(order ?? [outputChannels - 1]));
    this.map = { voxels: largest < 256 ? new Uint8Array(size) : new Uint16Array(size), shape };
    this.#regions = order;
  }

  /** The next channel [z, y, x]. */
  take(channel: Float32Array): void {
    const { voxels } = this.map as { readonly voxels: Uint8Array };
    const c = this.#taken++;
    const label = this.#regions?.[c];
    if (label !== undefined) {
      for (let i = 0; i < channel.length; i++) if (channel[i]! > 0.5) voxels[i] = label;
      return;
    }
    const best = this.#best;
    if (best === undefined) {
      this.#best = channel.slice();
      return;
    }
    for (let i = 0; i < channel.length; i++) {
      const p = channel[i]!;
      if (p <= best[i]!) continue;
      best[i] = p;
      voxels[i] = c;
    }
  }
}

/** Means of members whose channels [z, y, x] come in step, one after the other. Throws: EnsembleError as `meanProbabilities`. */
export async function* meanChannels(members: readonly AsyncIterable<Float32Array>[]): AsyncGenerator<Float32Array> {
  const iterators = members.map((member) => member[Symbol.asyncIterator]());
  try {
    for (;;) {
      const next = [];
      for (const iterator of iterators) next.push(await iterator.next());
      if (next.every(({ done }) => done === true)) return;
      if (next.some(({ done }) => done === true))
        throw new EnsembleError(
          'meanChannels: members have different numbers of channels; predict with the same labels.',
          {},
        );
      yield meanProbabilities(next.map(({ value }) => value as Float32Array));
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
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
