/**
 * Batch normalization with learned scale and shift. Statistics of the batch while learning, running ones otherwise.
 * Source: Ioffe & Szegedy, 2015; momentum and the unbiased running variance as in PyTorch's BatchNorm.
 */
import {
  add,
  div,
  instanceNormWithMoments,
  keep,
  leakyRelu,
  lerp,
  mul,
  permute,
  reshape,
  scope,
  slice,
  sqrt,
  square,
  sub,
  tensor,
  type Tensor,
} from '@voxelwise/compute';
import { Parameter, type BatchStatistics, type Forward } from '../module/module.ts';

/** How far the running statistics move towards those of a batch. */
const MOMENTUM = 0.1;

export class BatchNormalization {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly runningMean: Parameter;
  readonly runningVariance: Parameter;
  /** Batches that the running statistics have seen. */
  readonly batches: Parameter;
  readonly #epsilon: number;

  constructor(channels: number, epsilon: number, start = 1) {
    this.weight = new Parameter([channels], { constant: start });
    this.bias = new Parameter([channels], { constant: 0 });
    const counted = { learned: false };
    this.runningMean = new Parameter([channels], { constant: 0 }, counted);
    this.runningVariance = new Parameter([channels], { constant: 1 }, counted);
    this.batches = new Parameter([], { constant: 0 }, counted);
    this.#epsilon = epsilon;
  }

  /** x [N, C, (z,) y, x]; the leaky ReLU after it where `slope` is given. */
  forward(x: Tensor, slope = 1, how: Forward = {}): Tensor {
    return how.ownStatistics ? this.#learn(x, slope, how.ownStatistics) : this.#predict(x, slope);
  }

  /** A channel's voxels in all samples are normalized together, so samples are laid one behind the other. */
  #learn(x: Tensor, slope: number, seen: true | BatchStatistics): Tensor {
    const [samples, channels, depth, ...rest] = x.shape as [number, number, number, ...number[]];
    const swap = [1, 0, ...x.shape.slice(2).map((_, axis) => axis + 2)];
    const together =
      samples === 1
        ? x
        : reshape({ x: permute({ x }, { order: swap }) }, { shape: [1, channels, samples * depth, ...rest] });
    const [y, moments] = instanceNormWithMoments(
      { x: together, scale: this.weight.value, shift: this.bias.value },
      { epsilon: this.#epsilon, slope },
    ) as [Tensor, Tensor];
    // A stage that keeps little runs twice, with the same statistics.
    if (seen !== true && !seen.has(this))
      seen.set(this, {
        moments: keep(moments),
        count: samples * depth * rest.reduce((product, n) => product * n, 1),
      });
    if (samples === 1) return y;
    return permute({ x: reshape({ x: y }, { shape: [channels, samples, depth, ...rest] }) }, { order: swap });
  }

  /** Moves the running statistics towards a batch's. */
  move(moments: Tensor, count: number): void {
    const { device } = moments;
    const channels = moments.shape[1]!;
    const number = (value: number): Tensor => tensor(device, [value], []);
    const column = (k: number): Tensor =>
      reshape({ x: slice({ x: moments }, { start: [0, 0, k], size: [1, channels, 1] }) }, { shape: [channels] });
    const biased = sub({ a: div({ a: number(1), b: square({ x: column(1) }) }), b: number(this.#epsilon) });
    const variance = mul({ a: biased, b: number(count / Math.max(1, count - 1)) });
    const share = number(MOMENTUM);
    lerp({ mean: this.runningMean.value, value: column(0), share });
    lerp({ mean: this.runningVariance.value, value: variance, share });
    lerp({ mean: this.batches.value, value: add({ a: this.batches.value, b: number(1) }), share: number(1) });
  }

  /** y = x · s + t per channel. */
  #predict(x: Tensor, slope: number): Tensor {
    const perChannel = (vector: Tensor): Tensor =>
      reshape({ x: vector }, { shape: [1, vector.shape[0]!, ...x.shape.slice(2).map(() => 1)] });
    const deviation = sqrt({ x: add({ a: this.runningVariance.value, b: tensor(x.device, [this.#epsilon], []) }) });
    const s = div({ a: this.weight.value, b: deviation });
    const t = sub({ a: this.bias.value, b: mul({ a: this.runningMean.value, b: s }) });
    const y = add({ a: mul({ a: x, b: perChannel(s) }), b: perChannel(t) });
    return slope === 1 ? y : leakyRelu({ x: y }, { slope });
  }
}

/** Moves the running statistics that a batch was seen by, and frees what was noted of it. */
export function moveStatistics(seen: BatchStatistics): void {
  scope(() => {
    for (const [norm, { moments, count }] of seen) (norm as BatchNormalization).move(moments, count);
  });
  for (const { moments } of seen.values()) moments.dispose();
  seen.clear();
}
