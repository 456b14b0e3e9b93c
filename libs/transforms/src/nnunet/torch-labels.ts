/**
 * Label volumes resized as nnU-Net's `*_torchres` planners have it: indicators interpolated by PyTorch, in single precision.
 * On the host; only preprocessing of training cases needs it. Source: nnU-Net v2, resample_torch_fornnunet; PyTorch's interpolate.
 */
import type { PerAxis } from '@voxelwise/volume';

/**
 * `above half`: the label whose indicator is above 0.5, the largest of several, else 0. `most`: the label of the greatest
 * indicator, compared in half precision as thousandths, the smallest of equals.
 */
export type TorchLabelRule = 'above half' | 'most';

export interface TorchLabelResize {
  readonly from: PerAxis;
  readonly to: PerAxis;
  /** Slices along this axis are resized one by one, then taken by nearest position; -1: none. */
  readonly separateAxis: -1 | 0 | 1 | 2;
  readonly rule: TorchLabelRule;
}

/** One channel: [z, y, x] of `from` in, of `to` out. */
export function resizeLabelsAsTorch(
  labels: Int32Array,
  { from, to, separateAxis, rule }: TorchLabelResize,
): Int32Array {
  if (from.every((n, axis) => n === to[axis])) return labels;
  if (separateAxis === -1) return resizeLinearly(labels, from, to, rule);
  const between = from.map((n, axis) => (axis === separateAxis ? n : to[axis]!)) as unknown as PerAxis;
  const inPlane = from.every((n, axis) => n === between[axis]) ? labels : resizeLinearly(labels, from, between, rule);
  return between.every((n, axis) => n === to[axis]) ? inPlane : takeNearest(inPlane, between, to);
}

interface Steps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Of the upper neighbor. */
  readonly weight: Float32Array;
}

/** Positions along one axis, pixel edges aligned: PyTorch rounds the scale and the weight to single precision, not what is between. */
function steps(n: number, m: number): Steps {
  const scale = Math.fround(n / m);
  const [low, high, weight] = [new Int32Array(m), new Int32Array(m), new Float32Array(m)];
  for (let i = 0; i < m; i++) {
    const at = Math.max(0, scale * (i + 0.5) - 0.5);
    low[i] = n === m ? i : Math.min(n - 1, Math.floor(at));
    high[i] = Math.min(n - 1, low[i]! + 1);
    weight[i] = n === m ? 0 : Math.min(1, Math.max(0, Math.fround(at - low[i]!)));
  }
  return { low, high, weight };
}

function resizeLinearly(labels: Int32Array, from: PerAxis, to: PerAxis, rule: TorchLabelRule): Int32Array {
  const [sz, sy, sx] = from.map((n, axis) => steps(n, to[axis]!)) as [Steps, Steps, Steps];
  const result = new Int32Array(to[0] * to[1] * to[2]);
  const around = new Int32Array(8);
  let at = 0;
  for (let z = 0; z < to[0]; z++)
    for (let y = 0; y < to[1]; y++) {
      const rows = [sz.low[z]!, sz.high[z]!].flatMap((k) =>
        [sy.low[y]!, sy.high[y]!].map((j) => (k * from[1] + j) * from[2]),
      );
      for (let x = 0; x < to[2]; x++, at++) {
        let equal = true;
        for (let k = 0; k < 8; k++) {
          around[k] = labels[rows[k >> 1]! + (k & 1 ? sx.high[x]! : sx.low[x]!)]!;
          equal &&= around[k] === around[0];
        }
        result[at] = equal ? around[0]! : decide(around, sz.weight[z]!, sy.weight[y]!, sx.weight[x]!, rule);
      }
    }
  return result;
}

function decide(around: Int32Array, wz: number, wy: number, wx: number, rule: TorchLabelRule): number {
  const present = [...new Set(around)].sort((a, b) => a - b);
  if (rule === 'above half') {
    let chosen = 0;
    for (const label of present) if (indicator(around, label, 1, wz, wy, wx) > 0.5) chosen = label;
    return chosen;
  }
  let [chosen, greatest] = [present[0]!, -1];
  for (const label of present) {
    const value = toHalf(indicator(around, label, 1000, wz, wy, wx));
    if (value > greatest) [chosen, greatest] = [label, value];
  }
  return chosen;
}

/** Interpolated along x, then y, then z, as PyTorch nests them. */
function indicator(around: Int32Array, label: number, height: number, wz: number, wy: number, wx: number): number {
  const value = (k: number): number => (around[k] === label ? height : 0);
  const mix = (a: number, b: number, w: number): number =>
    Math.fround(Math.fround(a * Math.fround(1 - w)) + Math.fround(b * w));
  const near = mix(mix(value(0), value(1), wx), mix(value(2), value(3), wx), wy);
  const far = mix(mix(value(4), value(5), wx), mix(value(6), value(7), wx), wy);
  return mix(near, far, wz);
}

/** Nearest half-precision number of one in [0, 1000], halves to even. */
function toHalf(value: number): number {
  if (value === 0) return 0;
  const unit = 2 ** Math.max(-24, Math.floor(Math.log2(value)) - 10);
  const parts = value / unit;
  const floor = Math.floor(parts);
  return unit * (parts - floor === 0.5 ? floor + (floor % 2) : Math.round(parts));
}

/** PyTorch's `nearest-exact`. */
function takeNearest(labels: Int32Array, from: PerAxis, to: PerAxis): Int32Array {
  const [iz, iy, ix] = from.map((n, axis) =>
    Int32Array.from({ length: to[axis]! }, (_, i) =>
      Math.min(n - 1, Math.floor(Math.fround(Math.fround(n / to[axis]!) * Math.fround(i + 0.5)))),
    ),
  ) as [Int32Array, Int32Array, Int32Array];
  const result = new Int32Array(to[0] * to[1] * to[2]);
  let at = 0;
  for (const z of iz) for (const y of iy) for (const x of ix) result[at++] = labels[(z * from[1] + y) * from[2] + x]!;
  return result;
}
