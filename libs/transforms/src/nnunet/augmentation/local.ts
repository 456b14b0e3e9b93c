/**
 * Intensity changes that are strong in one place and fade away from it, as a Gaussian does: brightness added, gamma.
 * Source: batchgeneratorsv2's local transforms as nnU-Net's DA5 trainer configures them.
 */
import { add, gamma, mul, sub, tensor, type Rng, type Tensor } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { mapIntensities, type Application, type Scene, type Transform } from '../../contract/transform.ts';
import { erf } from '../../intensity/gaussian-taps.ts';

/** A Gaussian over the image. */
export interface Spot {
  /** Its middle as shares of the image along z, y, x; it may lie outside. */
  readonly center: PerAxis;
  /** Standard deviations in voxels along z, y, x. */
  readonly sigmaVoxels: PerAxis;
}

/** The Gaussian's integral over each voxel, moved and scaled to reach from 0 to 1. Even everywhere: 0. */
export function spotWeights({ center, sigmaVoxels }: Spot, shape: PerAxis): Float32Array {
  const lines = shape.map((n, axis) => {
    const below = (edge: number): number =>
      0.5 * (1 + erf((edge - center[axis]! * n) / (sigmaVoxels[axis]! * Math.SQRT2)));
    return Float64Array.from({ length: n }, (_, i) => below(i + 0.5) - below(i - 0.5));
  });
  const ends = (pick: (...values: number[]) => number): number =>
    lines.reduce((product, line) => product * pick(...line), 1);
  const [low, high] = [ends(Math.min), ends(Math.max)];
  const scale = high > low ? 1 / (high - low) : 0;
  const weights = new Float32Array(shape[0] * shape[1] * shape[2]);
  let v = 0;
  for (const z of lines[0]!)
    for (const y of lines[1]!) for (const x of lines[2]!) weights[v++] = (z * y * x - low) * scale;
  return weights;
}

/** Weights [C, z, y, x] on the device; channels without a spot have 0. */
function weightsOf(x: Tensor, spots: readonly (Spot | null)[], strength: (channel: number) => number): Tensor {
  const shape = x.shape.slice(1) as unknown as PerAxis;
  const voxels = shape[0] * shape[1] * shape[2];
  const data = new Float32Array(spots.length * voxels);
  spots.forEach((spot, c) => {
    if (spot === null) return;
    const factor = strength(c);
    data.set(
      spotWeights(spot, shape).map((weight) => weight * factor),
      c * voxels,
    );
  });
  return tensor(x.device, data, x.shape);
}

type Sync<P> = Application<P> & { apply(to: Scene, parameters: P): Scene };

/** A spot with a chance of one half per channel: its middle from half an image before to half an image behind it. */
function drawSpots(scene: Scene, rng: Rng): (Spot | null)[] {
  const [channels, ...shape] = scene.images.voxels.shape as readonly [number, ...number[]];
  return Array.from({ length: channels }, () => {
    if (rng.uniform() >= 0.5) return null;
    const perAxis = (value: (n: number) => number): PerAxis => shape.map(value) as unknown as PerAxis;
    return {
      center: perAxis(() => rng.uniform(-0.5, 1.5)),
      // Even on a logarithmic scale from a sixth of the image to all of it; the reference fails on fewer than six voxels.
      sigmaVoxels: perAxis((n) => Math.exp(rng.uniform(Math.log(Math.max(1, Math.floor(n / 6))), Math.log(n)))),
    };
  });
}

export interface BrightnessSpotParameters {
  /** Per channel; null: untouched. `strength`: what is added where the spot is brightest. */
  readonly spots: readonly ((Spot & { readonly strength: number }) | null)[];
}
export const brightnessSpotApplication: Sync<BrightnessSpotParameters> = {
  name: 'nnunetBrightnessSpot',
  apply: (scene, { spots }) =>
    mapIntensities(scene, (x) => {
      const weights = weightsOf(x, spots, (c) => spots[c]!.strength);
      const result = add({ a: x, b: weights });
      weights.dispose();
      return result;
    }),
};
/** Brightness between 1 and 5, or as much taken away, that fades away from a spot. */
export const nnunetBrightnessSpot = (): Transform<BrightnessSpotParameters> => ({
  ...brightnessSpotApplication,
  measures: false,
  sample: (scene, rng) => ({
    spots: drawSpots(scene, rng).map(
      (spot) => spot && { ...spot, strength: rng.uniform() < 0.5 ? rng.uniform(-5, -1) : rng.uniform(1, 5) },
    ),
  }),
});

export interface GammaSpotParameters {
  /** Per channel; null: untouched. */
  readonly spots: readonly ((Spot & { readonly exponent: number }) | null)[];
}
export const gammaSpotApplication: Sync<GammaSpotParameters> = {
  name: 'nnunetGammaSpot',
  apply: (scene, { spots }) =>
    mapIntensities(scene, (x) => {
      const exponents = spots.map((spot) => spot && spot.exponent);
      const bent = gamma({ x }, { exponents, invert: false, retain: false, floor: 1e-8 });
      const change = sub({ a: bent, b: x });
      const weights = weightsOf(x, spots, () => 1);
      const share = mul({ a: change, b: weights });
      const result = add({ a: x, b: share });
      for (const made of [bent, change, weights, share]) made.dispose();
      return result;
    }),
};
/** Gamma, strong either way (0.01 to 0.8 or 1.5 to 4), that fades away from a spot. */
export const nnunetGammaSpot = (): Transform<GammaSpotParameters> => ({
  ...gammaSpotApplication,
  measures: false,
  sample: (scene, rng) => ({
    spots: drawSpots(scene, rng).map(
      (spot) => spot && { ...spot, exponent: rng.uniform() < 0.5 ? rng.uniform(0.01, 0.8) : rng.uniform(1.5, 4) },
    ),
  }),
});
