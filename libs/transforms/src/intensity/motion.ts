/**
 * Motion during an MRI scan: parts of k-space are taken from moved images. The head turns about the image's center; TorchIO 1
 * turns it about the world's origin (`aboutOrigin`). Source: Shaw et al. 2019; TorchIO 1.2.
 */
import type { Tensor } from '@voxelwise/compute';
import type { Volume } from '@voxelwise/volume';
import { readVoxels, withVoxels } from '../contract/host.ts';
import { draw, type Application, type Range, type Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { torchioAffineApplication } from '../spatial/affine.ts';
import { compose, diagonal, linear, product, rotationAbout, translation } from '../spatial/matrix.ts';
import { LINEAR, moveVolume } from '../spatial/move.ts';
import { forward, realInverse, uncentered, type Spectrum } from './fourier.ts';

export interface MotionParameters {
  /** One per movement: degrees about and millimetres along L, P, S, and when it happened, as a share of the scan. */
  readonly movements: readonly {
    readonly degrees: readonly number[];
    readonly translationMm: readonly number[];
    readonly time: number;
  }[];
  readonly aboutOrigin: boolean;
}

export const motionApplication: Application<MotionParameters> = {
  name: 'motion',
  apply: async (scene, parameters) => {
    const volumes: Record<string, Volume<Tensor>> = {};
    for (const [name, volume] of Object.entries(scene.volumes ?? {}))
      volumes[name] = volume.kind === 'intensity' ? await moved(volume, parameters) : volume;
    return {
      ...scene,
      images: scene.images.kind === 'intensity' ? await moved(scene.images, parameters) : scene.images,
      ...(scene.volumes ? { volumes } : {}),
    };
  },
};

async function moved(volume: Volume<Tensor>, { movements, aboutOrigin }: MotionParameters): Promise<Volume<Tensor>> {
  const still = await readVoxels(volume);
  const shape = volume.grid.shape;
  const voxels = shape[0] * shape[1] * shape[2];
  const fill = still.data.reduce((a, b) => Math.min(a, b), Infinity);
  const images = [still.data];
  for (const { degrees, translationMm } of movements) {
    const settings = { world: rigidMatrix(degrees, translationMm), aboutCenter: !aboutOrigin };
    const turned = moveVolume(
      volume,
      torchioAffineApplication.place(volume.grid, { settings, sampling: LINEAR, before: { shape: [], affine: [] } }),
      { ...LINEAR, padding: 'halfVoxel', fill },
    );
    images.push((await readVoxels(turned)).data);
    if (turned.voxels !== volume.voxels) turned.voxels.dispose();
  }
  const times = movements.map(({ time }) => time);
  const covering = times.findIndex((time) => time > 0.5);
  const slot = covering < 0 ? images.length - 1 : covering;
  // What lies at the center of k-space decides how the image looks: it is taken from the image at rest.
  [images[0], images[slot]] = [images[slot]!, images[0]!];
  const result = new Float64Array(still.data.length);
  for (let c = 0; c < still.shape[0]; c++) {
    const spectra = images.map((image) => forward(image.subarray(c * voxels, (c + 1) * voxels), shape));
    result.set(realInverse(joined(spectra, times)), c * voxels);
  }
  return withVoxels(volume, { data: result, shape: still.shape });
}

/** Euler angles Z · X · Y, then the translation, in LPS: where each point of the result is read, in RAS. */
function rigidMatrix(degrees: readonly number[], translationMm: readonly number[]): number[] {
  const lps = diagonal([-1, -1, 1]);
  const [a, b, c] = degrees.map((d) => (d / 180) * Math.PI) as [number, number, number];
  const turn = linear(product(rotationAbout(2, c), product(rotationAbout(0, a), rotationAbout(1, b))));
  return compose(lps, compose(compose(translation(translationMm), turn), lps));
}

/** Planes across the last axis, in the centered order, from one spectrum after another. */
function joined(spectra: readonly Spectrum[], times: readonly number[]): Spectrum {
  const { shape } = spectra[0]!;
  const n = shape[2];
  const result = { re: new Float64Array(spectra[0]!.re.length), im: new Float64Array(spectra[0]!.re.length), shape };
  const ends = [...times.map((time) => Math.floor(time * n)), n];
  for (let p = 0; p < n; p++) {
    const from = spectra[ends.findIndex((end) => p < end)]!;
    const x = uncentered(p, n);
    for (let row = x; row < result.re.length; row += n) {
      result.re[row] = from.re[row]!;
      result.im[row] = from.im[row]!;
    }
  }
  return result;
}

/** `count` movements at regular times, jittered. */
export function motion({
  count = 2,
  degrees = [-10, 10],
  translationMm = [-10, 10],
}: {
  readonly count?: number;
  readonly degrees?: Range;
  readonly translationMm?: Range;
} = {}): Transform<MotionParameters> {
  if (!Number.isInteger(count) || count < 1)
    throw new TransformError(`motion: count is a positive whole number, came ${count}.`, { count });
  return {
    ...motionApplication,
    measures: false,
    sample: (_scene, rng) => {
      const step = 1 / (count + 1);
      const three = (range: Range): number[] => [draw(range, rng), draw(range, rng), draw(range, rng)];
      return {
        aboutOrigin: false,
        movements: Array.from({ length: count }, (_, k) => ({
          degrees: three(degrees),
          translationMm: three(translationMm),
          time: step * (k + 1) + step * rng.uniform(-0.3, 0.3),
        })),
      };
    },
  };
}
