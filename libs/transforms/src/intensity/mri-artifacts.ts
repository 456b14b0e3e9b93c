/** What goes wrong in a scanner: Gibbs ringing, spikes, ghosts, motion, bias fields, swapped regions. Sources: MONAI 1.5, TorchIO 1.2. */
import type { Rng } from '@voxelwise/compute';
import { draw, type Application, type Range, type Scene, type Transform } from '../contract/transform.ts';
import { hostIntensity, perChannel, type HostVoxels } from '../contract/host.ts';
import { TransformError } from '../errors.ts';
import { forward, realInverse, uncentered, type Spectrum } from './fourier.ts';

const spaceOf = ({ shape }: HostVoxels): readonly [number, number, number] => [shape[1], shape[2], shape[3]];
const voxelAt = (shape: readonly number[], p: readonly number[]): number =>
  (p[0]! * shape[1]! + p[1]!) * shape[2]! + p[2]!;
const transform = <P>(application: Application<P>, sample: (scene: Scene, rng: Rng) => P): Transform<P> => ({
  ...application,
  measures: false,
  sample,
});

export interface GibbsParameters {
  /** 0: nothing; 1: everything beyond the center is cut. */
  readonly alpha: number;
}
export const gibbsApplication = hostIntensity<GibbsParameters>('gibbs', (voxels, { alpha }) => {
  const shape = spaceOf(voxels);
  const radius = ((1 - alpha) * Math.max(...shape) * Math.SQRT2) / 2;
  return perChannel(voxels, (channel) => {
    const spectrum = forward(channel, shape);
    eachFrequency(spectrum, (p, k) => {
      const far = Math.sqrt(p.reduce((sum, value, axis) => sum + (value - (shape[axis]! - 1) / 2) ** 2, 0));
      if (far > radius) spectrum.re[k] = spectrum.im[k] = 0;
    });
    return realInverse(spectrum);
  });
});
/** Frequencies beyond a radius are cut. */
export const gibbs = (alpha: Range): Transform<GibbsParameters> =>
  transform(gibbsApplication, (_scene, rng) => ({ alpha: draw(alpha, rng) }));

/** Visits positions in the centered spectrum with the plain index. */
function eachFrequency({ shape }: Spectrum, visit: (position: readonly number[], index: number) => void): void {
  for (let z = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0; x < shape[2]; x++)
        visit([z, y, x], voxelAt(shape, [uncentered(z, shape[0]), uncentered(y, shape[1]), uncentered(x, shape[2])]));
}

export interface KSpaceSpikeParameters {
  /** Positions in the centered spectrum: [z, y, x], or [channel, z, y, x]. */
  readonly positions: readonly (readonly number[])[];
  /** Natural logarithm of the magnitude put there; null: 2.5 times the mean log magnitude of the channel. */
  readonly logMagnitude: number | null;
}
export const kSpaceSpikeApplication = hostIntensity<KSpaceSpikeParameters>(
  'kSpaceSpike',
  (voxels, { positions, logMagnitude }) => {
    const shape = spaceOf(voxels);
    return perChannel(voxels, (channel, c) => {
      const spectrum = forward(channel, shape);
      const logs = spectrum.re.map((value, k) => Math.log(Math.hypot(value, spectrum.im[k]!) + 1e-10));
      const level = logMagnitude ?? 2.5 * (logs.reduce((a, b) => a + b, 0) / logs.length);
      for (const position of positions) {
        if (position.length === 4 && position[0] !== c) continue;
        const at = position.slice(-3);
        const k = voxelAt(
          shape,
          at.map((p, axis) => uncentered(p, shape[axis]!)),
        );
        const phase = Math.atan2(spectrum.im[k]!, spectrum.re[k]!);
        spectrum.re[k] = Math.exp(level) * Math.cos(phase);
        spectrum.im[k] = Math.exp(level) * Math.sin(phase);
      }
      return realInverse(spectrum);
    });
  },
);
/** One frequency far too strong: a wave over the whole image. */
export const kSpaceSpike = ({
  logMagnitude = null,
}: { readonly logMagnitude?: Range | null } = {}): Transform<KSpaceSpikeParameters> =>
  transform(kSpaceSpikeApplication, ({ images }, rng) => ({
    positions: [images.grid.shape.map((n) => rng.integer(0, n))],
    logMagnitude: logMagnitude === null ? null : draw(logMagnitude, rng),
  }));

export interface SpikeParameters {
  /** Shares of the size, in the centered spectrum. */
  readonly positions: readonly (readonly number[])[];
  /** Times the greatest magnitude, added to the real part. */
  readonly intensity: number;
}
export const spikeApplication = hostIntensity<SpikeParameters>('spike', (voxels, { positions, intensity }) => {
  const shape = spaceOf(voxels);
  return perChannel(voxels, (channel) => {
    const spectrum = forward(channel, shape);
    for (const position of positions) {
      const k = voxelAt(
        shape,
        position.map((share, axis) => uncentered(Math.floor(share * shape[axis]!), shape[axis]!)),
      );
      let most = 0;
      for (let j = 0; j < spectrum.re.length; j++) most = Math.max(most, Math.hypot(spectrum.re[j]!, spectrum.im[j]!));
      spectrum.re[k]! += intensity * most;
    }
    return realInverse(spectrum);
  });
});
export const spike = ({
  count = 1,
  intensity = [1, 3],
}: { readonly count?: number; readonly intensity?: Range } = {}): Transform<SpikeParameters> =>
  transform(spikeApplication, (_scene, rng) => ({
    positions: Array.from({ length: count }, () => [rng.uniform(), rng.uniform(), rng.uniform()]),
    intensity: draw(intensity, rng),
  }));

export interface GhostingParameters {
  readonly ghosts: number;
  readonly axis: number;
  readonly intensity: number;
  /** Share of the central planes restored; null: the central plane alone. */
  readonly restore: number | null;
}
export const ghostingApplication = hostIntensity<GhostingParameters>(
  'ghosting',
  (voxels, { ghosts, axis, intensity, restore }) => {
    const shape = spaceOf(voxels);
    const n = shape[axis]!;
    const middle = Math.floor(n / 2);
    const half = restore === null ? 0 : Math.floor(Math.round(restore * n) / 2);
    const kept = (p: number): boolean => (restore === null ? p === middle : p >= middle - half && p < middle + half);
    return perChannel(voxels, (channel) => {
      const spectrum = forward(channel, shape);
      eachFrequency(spectrum, (p, k) => {
        if (p[axis]! % ghosts !== 0 || kept(p[axis]!)) return;
        spectrum.re[k]! *= 1 - intensity;
        spectrum.im[k]! *= 1 - intensity;
      });
      return realInverse(spectrum);
    });
  },
);
export const ghosting = ({
  ghosts = [4, 10],
  axes = [0, 1, 2],
  intensity = [0.5, 1],
  restore = null,
}: {
  readonly ghosts?: Range;
  readonly axes?: readonly number[];
  readonly intensity?: Range;
  readonly restore?: number | null;
} = {}): Transform<GhostingParameters> =>
  transform(ghostingApplication, (_scene, rng) => ({
    ghosts: Math.round(draw(ghosts, rng)),
    axis: axes[rng.integer(0, axes.length)]!,
    intensity: draw(intensity, rng),
    restore,
  }));

export interface BiasFieldParameters {
  readonly order: number;
  /** Coefficients of x^a y^b z^c (or of Legendre products), a + b + c ≤ order, the last exponent fastest. */
  readonly coefficients: readonly number[];
  readonly basis: 'monomial' | 'legendre';
}
export const biasFieldApplication = hostIntensity<BiasFieldParameters>('biasField', (voxels, parameters) => {
  const field = biasField(spaceOf(voxels), parameters);
  return perChannel(voxels, (channel) => channel.map((value, v) => value * field[v]!));
});
/** exp of the polynomial over the image; monomials on (i - n/2 + 0.5) scaled to 1, Legendre on -1 … 1. */
export function biasField(
  shape: readonly [number, number, number],
  { order, coefficients, basis }: BiasFieldParameters,
): Float64Array {
  const tables = shape.map((n) =>
    Array.from({ length: n }, (_, i) => {
      const half = n / 2 - 0.5;
      const t = basis === 'legendre' ? (n === 1 ? -1 : -1 + (2 * i) / (n - 1)) : half === 0 ? 0 : (i - half) / half;
      const powers = [1, t];
      for (let k = 2; k <= order; k++)
        powers.push(
          basis === 'legendre' ? ((2 * k - 1) * t * powers[k - 1]! - (k - 1) * powers[k - 2]!) / k : powers[k - 1]! * t,
        );
      return powers;
    }),
  );
  const field = new Float64Array(shape[0] * shape[1] * shape[2]);
  let next = 0;
  for (let a = 0; a <= order; a++)
    for (let b = 0; b <= order - a; b++)
      for (let c = 0; c <= order - a - b; c++) {
        const weight = coefficients[next++];
        if (weight === undefined)
          throw new TransformError(
            `biasField: order ${order} needs ${((order + 1) * (order + 2) * (order + 3)) / 6} coefficients, came ${coefficients.length}.`,
            { order, coefficients },
          );
        let v = 0;
        for (let z = 0; z < shape[0]; z++)
          for (let y = 0; y < shape[1]; y++) {
            const row = weight * tables[0]![z]![a]! * tables[1]![y]![b]!;
            for (let x = 0; x < shape[2]; x++) field[v++]! += row * tables[2]![x]![c]!;
          }
      }
  return field.map(Math.exp);
}
export const bias = ({
  order = 3,
  coefficient = [-0.5, 0.5],
}: { readonly order?: number; readonly coefficient?: Range } = {}): Transform<BiasFieldParameters> =>
  transform(biasFieldApplication, (_scene, rng) => ({
    order,
    basis: 'monomial',
    coefficients: Array.from({ length: ((order + 1) * (order + 2) * (order + 3)) / 6 }, () => draw(coefficient, rng)),
  }));

export interface SwapParameters {
  readonly size: readonly number[];
  /** Pairs of first voxels, swapped one pair after the other. */
  readonly pairs: readonly (readonly [readonly number[], readonly number[]])[];
}
export const swapApplication = hostIntensity<SwapParameters>('swap', (voxels, { size, pairs }) => {
  const shape = spaceOf(voxels);
  return perChannel(voxels, (channel) => {
    const data = Float64Array.from(channel);
    const copy = (start: readonly number[]): Float64Array => {
      const box = new Float64Array(size[0]! * size[1]! * size[2]!);
      eachOf(
        size,
        (p, k) =>
          (box[k] =
            data[
              voxelAt(
                shape,
                p.map((q, axis) => q + start[axis]!),
              )
            ]!),
      );
      return box;
    };
    for (const [a, b] of pairs) {
      const [first, second] = [copy(a), copy(b)];
      eachOf(
        size,
        (p, k) =>
          (data[
            voxelAt(
              shape,
              p.map((q, axis) => q + a[axis]!),
            )
          ] = second[k]!),
      );
      eachOf(
        size,
        (p, k) =>
          (data[
            voxelAt(
              shape,
              p.map((q, axis) => q + b[axis]!),
            )
          ] = first[k]!),
      );
    }
    return data;
  });
});
function eachOf(size: readonly number[], visit: (p: number[], k: number) => void): void {
  let k = 0;
  for (let z = 0; z < size[0]!; z++)
    for (let y = 0; y < size[1]!; y++) for (let x = 0; x < size[2]!; x++) visit([z, y, x], k++);
}
/** Random boxes trade places. Throws: TransformError if the boxes do not fit the image. */
export const swap = ({
  size = [15, 15, 15],
  times = 100,
}: { readonly size?: readonly number[]; readonly times?: number } = {}): Transform<SwapParameters> =>
  transform(swapApplication, ({ images }, rng) => {
    const { shape } = images.grid;
    const box = size.map((n, axis) => (shape[axis] === 1 ? 1 : n));
    if (box.some((n, axis) => n > shape[axis]!))
      throw new TransformError(
        `swap: boxes of [${box.join(', ')}] voxels do not fit an image of [${shape.join(', ')}].`,
        { size: box, shape },
      );
    const start = (): number[] => shape.map((n, axis) => rng.integer(0, n - box[axis]! + 1));
    return { size: box, pairs: Array.from({ length: times }, () => [start(), start()] as const) };
  });
