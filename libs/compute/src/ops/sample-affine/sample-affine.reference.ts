/** Positions in float64, eight neighbors in array order. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { SampleAffineOptions } from './sample-affine.ts';

type Sampler = (channel: number, position: readonly number[]) => number;

export const reference: ReferenceKernel<{ x: Tensor; displacement?: Tensor | undefined }, SampleAffineOptions> = (
  { x, displacement },
  options,
  [y],
) => {
  const { shape, matrix } = options;
  const sample =
    x.dtype === 'i32' && options.interpolation === 'linear'
      ? labelSampler(x.shape, x.data, options)
      : valueSampler(x.shape, x.data, options);
  const voxels = shape[0] * shape[1] * shape[2];
  for (let v = 0; v < voxels; v++) {
    const o = [Math.floor(v / (shape[1] * shape[2])), Math.floor(v / shape[2]) % shape[1], v % shape[2]].map(
      (index, axis) => index + (displacement ? displacement.data[axis * voxels + v]! : 0),
    );
    const position = [0, 1, 2].map(
      (row) =>
        matrix[row * 4]! * o[0]! + matrix[row * 4 + 1]! * o[1]! + matrix[row * 4 + 3]! + matrix[row * 4 + 2]! * o[2]!,
    );
    for (let c = 0; c < x.shape[0]!; c++) y!.data[c * voxels + v] = sample(c, position);
  }
};

/** `loose`: positions between a face and the outermost centers stay there. */
function place(
  position: readonly number[],
  space: readonly number[],
  padding: string,
  loose = false,
): readonly number[] {
  if (padding === 'zeros') return position;
  return position.map((p, axis) => {
    const n = space[axis]!;
    if (padding === 'halfVoxel') {
      if (!(p >= -0.5 && p < n - 0.5)) return NaN;
      if (loose) return p;
    }
    if (padding === 'mirror') {
      const turn = n === 1 ? 0 : Math.abs(p) % (2 * (n - 1));
      return Math.min(turn, 2 * (n - 1) - turn);
    }
    if (padding !== 'reflect') return Math.min(n - 1, Math.max(0, p));
    const folded = Math.abs(p + 0.5) % (2 * n);
    const at = (folded > n ? 2 * n - folded : folded) - 0.5;
    return loose ? at : Math.min(n - 1, Math.max(0, at));
  });
}

function eachNeighbor(position: readonly number[], visit: (index: readonly number[], weight: number) => void): void {
  const low = position.map(Math.floor);
  const upper = position.map((p, axis) => p - low[axis]!);
  for (const dz of [0, 1])
    for (const dy of [0, 1])
      for (const dx of [0, 1]) {
        const d = [dz, dy, dx];
        visit(
          low.map((k, axis) => k + d[axis]!),
          d.reduce((weight, one, axis) => weight * (one ? upper[axis]! : 1 - upper[axis]!), 1),
        );
      }
}

function valueSampler(
  [, nz, ny, nx]: readonly number[],
  data: ArrayLike<number>,
  { interpolation, padding, fill, margin }: SampleAffineOptions,
): Sampler {
  const space = [nz!, ny!, nx!];
  const inner = space.map((n, axis) => n - 2 * margin[axis]!);
  return (c, position) => {
    const p = place(position, inner, padding, interpolation === 'cubic');
    if (p.some(Number.isNaN)) return fill;
    const at = (index: readonly number[]): number =>
      index.some((k, axis) => !(k >= 0 && k < space[axis]!))
        ? fill
        : data[((c * nz! + index[0]!) * ny! + index[1]!) * nx! + index[2]!]!;
    if (interpolation === 'nearest') return at(p.map(roundUp));
    if (interpolation === 'cubic') {
      // Beyond the outermost centers, by more than rounding does.
      if (padding === 'zeros' && p.some((k, axis) => !(k >= -1e-6 && k <= inner[axis]! - 1 + 1e-6))) return fill;
      return cubic(
        p.map((k, axis) => k + margin[axis]!),
        space,
        at,
      );
    }
    let sum = 0;
    eachNeighbor(p, (index, weight) => (sum += weight === 0 ? 0 : weight * at(index)));
    return sum;
  };
}

/** Four taps per axis; coefficients outside are those of the edge. */
function cubic(p: readonly number[], space: readonly number[], at: (index: readonly number[]) => number): number {
  const taps = p.map((k, axis) => {
    const n = space[axis]!;
    const low = Math.floor(k);
    const u = k - low;
    const v = 1 - u;
    const weights =
      n === 1
        ? [0, 1, 0, 0]
        : [(v * v * v) / 6, (4 - 6 * u * u + 3 * u * u * u) / 6, (4 - 6 * v * v + 3 * v * v * v) / 6, (u * u * u) / 6];
    return weights.map((weight, j) => ({ weight, index: Math.min(n - 1, Math.max(0, low - 1 + j)) }));
  });
  let sum = 0;
  for (const a of taps[0]!)
    for (const b of taps[1]!)
      for (const c of taps[2]!) sum += a.weight * b.weight * c.weight * at([a.index, b.index, c.index]);
  return sum;
}

function labelSampler(
  [, nz, ny, nx]: readonly number[],
  data: ArrayLike<number>,
  { padding, fill, bounds }: SampleAffineOptions,
): Sampler {
  const space = [nz!, ny!, nx!];
  return (c, position) => {
    if (
      padding === 'zeros' &&
      position.some((p, axis) => !(p >= (bounds?.[axis] ?? 0) && p <= (bounds?.[axis + 3] ?? space[axis]! - 1)))
    )
      return fill;
    const settled = place(position, space, padding === 'zeros' ? 'border' : padding);
    if (settled.some(Number.isNaN)) return fill;
    const weights = new Map<number, number>();
    eachNeighbor(settled, (index, weight) => {
      if (weight === 0) return;
      const label = data[((c * nz! + index[0]!) * ny! + index[1]!) * nx! + index[2]!]!;
      weights.set(label, Math.fround((weights.get(label) ?? 0) + Math.fround(1000 * Math.fround(weight))));
    });
    let [best, most] = [0, -1];
    for (const [label, weight] of [...weights].sort((a, b) => a[0] - b[0])) {
      const rounded = toHalf(weight);
      if (rounded > most) [best, most] = [label, rounded];
    }
    return best;
  };
}

const bits = new Uint32Array(1);
const value = new Float32Array(bits.buffer);

/** The nearest half-precision number, half to even, for numbers that are normal there. */
function toHalf(x: number): number {
  value[0] = x;
  bits[0] = (bits[0]! + 0xfff + ((bits[0]! >>> 13) & 1)) & ~0x1fff;
  return value[0];
}

/** Ties go up; a little more than a half, so that rounding on the way to a tie does not decide. */
function roundUp(x: number): number {
  return Math.floor(x + 0.5000001);
}
