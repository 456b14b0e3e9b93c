/** What a network's logits become: probabilities, thresholded or rounded numbers, and their gradients. Source: MONAI's `transforms/post`. */
import { hostIntensity, perChannel } from '../contract/host.ts';
import type { Application, Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';

const fixed = <P>(application: Application<P>, parameters: P): Transform<P> => ({
  ...application,
  measures: false,
  sample: () => parameters,
});

export interface ActivationParameters {
  /** `softmax`: over the channels; `sigmoid`: each number by itself. */
  readonly function: 'softmax' | 'sigmoid';
}

export const activationApplication = hostIntensity<ActivationParameters>(
  'activate',
  ({ data, shape }, { function: which }) => {
    if (which === 'sigmoid') return data.map((x) => 1 / (1 + Math.exp(-x)));
    const channels = shape[0];
    const voxels = data.length / channels;
    const result = new Float64Array(data.length);
    for (let v = 0; v < voxels; v++) {
      // Less the greatest, so that no exponential overflows.
      let greatest = -Infinity;
      for (let c = 0; c < channels; c++) greatest = Math.max(greatest, data[c * voxels + v]!);
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += result[c * voxels + v] = Math.exp(data[c * voxels + v]! - greatest);
      for (let c = 0; c < channels; c++) result[c * voxels + v]! /= sum;
    }
    return result;
  },
);
/** Logits to probabilities that add up to 1 over the channels, or channel by channel. */
export const activate = (which: ActivationParameters['function']): Transform<ActivationParameters> => {
  if (which !== 'softmax' && which !== 'sigmoid')
    throw new TransformError(`activate: expects 'softmax' or 'sigmoid', came '${String(which)}'.`, { which });
  return fixed(activationApplication, { function: which });
};

export const binarizeApplication = hostIntensity<{ readonly threshold: number }>(
  'binarize',
  ({ data }, { threshold }) => data.map((x) => (x >= threshold ? 1 : 0)),
);
/** 1 at the threshold and above, else 0. */
export const binarize = (threshold: number): Transform<{ readonly threshold: number }> => {
  if (!Number.isFinite(threshold))
    throw new TransformError(`binarize: the threshold is a finite number, came ${threshold}.`, { threshold });
  return fixed(binarizeApplication, { threshold });
};

export const roundApplication = hostIntensity<object>('round', ({ data }) => data.map(halfToEven));
/** To the nearest whole number, halves to the even one. */
export const round = (): Transform<object> => fixed(roundApplication, {});

function halfToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

/**
 * Sobel gradients of every channel along every axis: all channels along z, then along y, then along x. Differences over two
 * voxels, smoothed by [1, 2, 1] / 4 across; mirrored at the border without repeating it.
 */
export const sobelApplication = hostIntensity<object>('sobel', (voxels) => {
  const { shape } = voxels;
  const space = [shape[1], shape[2], shape[3]];
  const along = space.map((_, axis) =>
    perChannel(voxels, (channel) =>
      space.reduce<Float64Array>(
        (data, n, k) => threeTaps(data, space, k, n, k === axis ? [-0.5, 0, 0.5] : [0.25, 0.5, 0.25]),
        Float64Array.from(channel),
      ),
    ),
  );
  const result = new Float64Array(3 * voxels.data.length);
  along.forEach((gradient, axis) => result.set(gradient, axis * voxels.data.length));
  return { data: result, shape: [3 * shape[0], shape[1], shape[2], shape[3]] };
});
export const sobel = (): Transform<object> => fixed(sobelApplication, {});

function threeTaps(
  data: Float64Array,
  space: readonly number[],
  axis: number,
  n: number,
  [a, b, c]: readonly [number, number, number],
): Float64Array {
  const inner = space.slice(axis + 1).reduce((product, size) => product * size, 1);
  return data.map((x, v) => {
    const i = Math.floor(v / inner) % n;
    if (n === 1) return (a + b + c) * x;
    const before = data[v + (i === 0 ? inner : -inner)]!;
    const after = data[v + (i === n - 1 ? -inner : inner)]!;
    return a * before + b * x + c * after;
  });
}
