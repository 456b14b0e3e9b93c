/**
 * Motion artefacts with the values of TorchIO 2 (alpha): images turn in a space where every axis runs from -1 to 1, and equal
 * runs of k-space planes along the first axis come from one image after another, the first from that at rest. `motion` is the
 * physical one.
 */
import type { Tensor } from '@voxelwise/compute';
import type { Volume } from '@voxelwise/volume';
import { readVoxels, withVoxels } from '../contract/host.ts';
import { mapVolumesInTurn, type Application, type Transform } from '../contract/transform.ts';
import { compose, diagonal, linear, product, rotationAbout, translation } from '../spatial/matrix.ts';
import { LINEAR, moveVolume } from '../spatial/move.ts';
import { forward, realInverse } from './fourier.ts';

export interface Torchio2MotionParameters {
  /** Degrees about the last, middle and first axis, and voxels along the last, middle and first. */
  readonly movements: readonly { readonly degrees: readonly number[]; readonly translation: readonly number[] }[];
}

export const torchio2MotionApplication: Application<Torchio2MotionParameters> = {
  name: 'torchio2Motion',
  apply: (scene, { movements }) =>
    mapVolumesInTurn(scene, async (volume) => {
      if (volume.kind === 'labels') return volume;
      const still = await readVoxels(volume);
      const images = [still.data];
      for (const movement of movements) images.push(await turned(volume, movement));
      const { shape } = volume.grid;
      const voxels = shape[0] * shape[1] * shape[2];
      const result = new Float64Array(still.data.length);
      const run = Math.floor(shape[0] / images.length);
      for (let c = 0; c < still.shape[0]; c++) {
        const spectra = images.map((image) => forward(image.subarray(c * voxels, (c + 1) * voxels), shape));
        const joined = spectra[0]!;
        const plane = shape[1] * shape[2];
        for (let z = 0; z < shape[0]; z++) {
          const from = spectra[Math.min(images.length - 1, Math.floor(z / Math.max(1, run)))]!;
          joined.re.set(from.re.subarray(z * plane, (z + 1) * plane), z * plane);
          joined.im.set(from.im.subarray(z * plane, (z + 1) * plane), z * plane);
        }
        result.set(realInverse(joined), c * voxels);
      }
      return withVoxels(volume, { data: result, shape: still.shape });
    }),
};

async function turned(
  volume: Volume<Tensor>,
  { degrees, translation: voxelsAlong }: Torchio2MotionParameters['movements'][number],
): Promise<Float64Array> {
  const { shape } = volume.grid;
  const [a, b, c] = degrees.map((d) => (d / 180) * Math.PI) as [number, number, number];
  // Its first axis is our last.
  const about = product(rotationAbout(2, c), product(rotationAbout(1, b), rotationAbout(0, a)));
  const swapped = linear([0, 1, 2].flatMap((row) => [0, 1, 2].map((k) => about[(2 - row) * 3 + 2 - k]!)));
  // The reference divides the three numbers by the sizes in the order first, middle, last.
  const shift = [2, 1, 0].map((k) => (2 * voxelsAlong[k]!) / shape[k]!);
  const half = shape.map((n) => (n - 1) / 2);
  const matrix = compose(
    translation(half),
    compose(
      diagonal(half),
      compose(
        translation(shift),
        compose(swapped, compose(diagonal(half.map((h) => 1 / h)), translation(half.map((h) => -h)))),
      ),
    ),
  );
  const moved = moveVolume(volume, { grid: volume.grid, matrix }, LINEAR);
  const { data } = await readVoxels(moved);
  if (moved.voxels !== volume.voxels) moved.voxels.dispose();
  return data;
}

export const torchio2Motion = (
  movements: Torchio2MotionParameters['movements'],
): Transform<Torchio2MotionParameters> => ({
  ...torchio2MotionApplication,
  measures: false,
  sample: () => ({ movements }),
});
