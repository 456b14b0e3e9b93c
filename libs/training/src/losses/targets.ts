/** What the outputs of each resolution are compared with. Source: nnU-Net v2's deep supervision. */
import type { LabelScheme } from '@voxelwise/planner';
import { TrainingError } from '../errors.ts';

/** Sizes per resolution, full first: n · scale rounded, scale the inverse product of the strides so far. The lowest stage has no output. */
export function outputShapes(
  patch: readonly number[],
  strides: readonly (readonly number[])[],
  deepSupervision: boolean,
): readonly (readonly number[])[] {
  const shapes: number[][] = [];
  let scale = patch.map(() => 1);
  for (const stride of strides.slice(0, -1)) {
    scale = scale.map((s, axis) => s / stride[axis]!);
    shapes.push(patch.map((n, axis) => Math.round(n * scale[axis]!)));
  }
  return deepSupervision ? shapes : shapes.slice(0, 1);
}

/** Weights of the outputs: halved at each, the last one nothing, summing to one; a single output counts whole. */
export function outputWeights(outputs: number): readonly number[] {
  const weights = Array.from({ length: outputs }, (_, k) => (k > 0 && k === outputs - 1 ? 0 : 2 ** -k));
  const sum = weights.reduce((total, w) => total + w, 0);
  return weights.map((w) => w / sum);
}

/** Nearest voxel, `nearest-exact`: source index floor((i + ½) n / m) per axis. Any number of leading images of `shape`. */
export function shrinkLabels(labels: Int32Array, shape: readonly number[], to: readonly number[]): Int32Array {
  if (shape.every((n, axis) => n === to[axis])) return labels;
  const size = shape.reduce((product, n) => product * n, 1);
  const small = to.reduce((product, n) => product * n, 1);
  const images = labels.length / size;
  const result = new Int32Array(images * small);
  const index = shape.map((n, axis) =>
    Int32Array.from({ length: to[axis]! }, (_, i) => Math.min(n - 1, Math.floor(((i + 0.5) * n) / to[axis]!))),
  );
  const [zs, ys, xs] =
    index.length === 3 ? (index as [Int32Array, Int32Array, Int32Array]) : [new Int32Array(1), index[0]!, index[1]!];
  const [height, width] = shape.slice(-2) as [number, number];
  let at = 0;
  for (let image = 0; image < images; image++)
    for (const z of zs)
      for (const y of ys) {
        const row = image * size + (z * height + y) * width;
        for (const x of xs) result[at++] = labels[row + x]!;
      }
  return result;
}

/**
 * Label map → what the loss compares with. Labels: the index of their logit channel; -1 (outside) becomes background, the
 * ignore label becomes -1.
 * Regions: one 0/1 channel per region and, with an ignore label, a last one that is 1 where the annotation holds.
 * `labels`: [N, voxels]; returns channels [N, C, voxels] flat.
 */
export function targetsOf(
  labels: Int32Array,
  samples: number,
  scheme: LabelScheme,
): { readonly channels: number; readonly data: Int32Array } {
  const voxels = labels.length / samples;
  const { ignoreLabel } = scheme;
  if (!scheme.hasRegions) return { channels: 1, data: channelIndices(labels, scheme) };
  const regions = scheme.foreground.map((region) => new Set(typeof region === 'number' ? [region] : region));
  const channels = regions.length + (ignoreLabel === undefined ? 0 : 1);
  const data = new Int32Array(samples * channels * voxels);
  for (let n = 0; n < samples; n++) {
    regions.forEach((region, c) => {
      const to = (n * channels + c) * voxels;
      for (let k = 0; k < voxels; k++) data[to + k] = region.has(labels[n * voxels + k]!) ? 1 : 0;
    });
    if (ignoreLabel === undefined) continue;
    const to = (n * channels + regions.length) * voxels;
    for (let k = 0; k < voxels; k++) data[to + k] = labels[n * voxels + k] === ignoreLabel ? 0 : 1;
  }
  return { channels, data };
}

function channelIndices(labels: Int32Array, { allLabels, ignoreLabel }: LabelScheme): Int32Array {
  const channelOf = new Map(allLabels.map((label, k) => [label, k]));
  channelOf.set(-1, 0);
  if (ignoreLabel !== undefined) channelOf.set(ignoreLabel, -1);
  return labels.map((label) => {
    const channel = channelOf.get(label);
    if (channel === undefined)
      throw new TrainingError(
        `targetsOf: a case holds the label ${label}, which the data set does not declare (${allLabels.join(', ')}).`,
        { label, declared: allLabels },
      );
    return channel;
  });
}
