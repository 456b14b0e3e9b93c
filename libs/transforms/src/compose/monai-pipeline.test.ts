/** MONAI's pipeline golden: eight spatial steps forward, and both image and labels back onto the scan. */
import { expect, it } from 'vitest';
import { createReferenceDevice, Philox, type Tensor } from '@voxelwise/compute';
import type { Volume } from '@voxelwise/volume';
import { excess, inputVolume, sceneFile } from '../../fixtures/scenes.ts';
import type { Scene, Transform } from '../contract/transform.ts';
import { monaiAffine, monaiAffineMatrix } from '../spatial/affine.ts';
import { cropForeground, pad } from '../spatial/crop-pad.ts';
import { flip, rotate90 } from '../spatial/index-moves.ts';
import { zoom } from '../spatial/resize.ts';
import { orientation, spacing } from '../spatial/spacing.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- steps of many parameters */
type Any = any;
const file = sceneFile('monai-transforms');
const device = createReferenceDevice();

it('goes forward and back as MONAI does', async () => {
  const row = file.cases.cases.find(({ id }) => id === 'pipeline_inverse')!;
  const labels = inputVolume(file, 'lab_obl', 'labels', device);
  let scene: Scene = { id: 's', images: inputVolume(file, 'img_obl', 'intensity', device), labels };
  const steps: Transform<Any>[] = [
    orientation('RAS'),
    spacing({ spacingMm: [1.2, 1.2, 1.8], extent: 'corners', sampling: { padding: 'border' } }),
    cropForeground({ margin: 2, insideOnly: true, source: 'labels' }),
    pad([16, 16, 14]),
    flip([1]),
    rotate90({ turns: 1, axes: [0, 1] }),
    monaiAffine({ matrix: monaiAffineMatrix({ radians: [0.1, 0.2, -0.15] }), sampling: { padding: 'zeros' } }),
    zoom({ factor: 1.1, mode: 'linear', labelMode: 'nearest' }),
  ];
  const drawn: unknown[] = [];
  // One sampling per step, as the reference does when it is not lazy.
  for (const step of steps) {
    const parameters = JSON.parse(JSON.stringify(await step.sample(scene, new Philox(1)))) as Any;
    drawn.push(parameters);
    scene = await step.apply(scene, parameters);
  }
  const check = async (volume: Volume<Tensor>, output: string, share: number): Promise<void> => {
    const expected = file.array(row.outputs[output]!.array!);
    expect(volume.voxels.shape).toEqual(expected.shape);
    expect(excess(await volume.voxels.read(), expected.data, row).share).toBeLessThanOrEqual(share);
  };
  const affine = (volume: Volume<Tensor>, output: string): void =>
    expect(
      excess(volume.grid.affine, (row.outputs[output]!.value as number[][]).flat(), { atol: 2e-4, rtol: 1e-5 }).worst,
    ).toBeLessThanOrEqual(0);
  await check(scene.images, 'image', 0);
  await check(scene.labels!, 'label', 0.005);
  affine(scene.images, 'affine');
  let [image, label] = [scene.images, scene.labels!];
  for (let k = steps.length - 1; k >= 0; k--) {
    image = steps[k]!.invert!(image, drawn[k]);
    label = steps[k]!.invert!(label, drawn[k]);
  }
  await check(image, 'inv_image', 0);
  await check(label, 'inv_label', 0.005);
  affine(image, 'inv_affine');
});
