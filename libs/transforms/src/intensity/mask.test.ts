/** Masks and line boundaries. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox, tensor } from '@voxelwise/compute';
import { alignedGrid } from '@voxelwise/volume';
import { excess, inputVolume, sceneFile } from '../../fixtures/scenes.ts';
import type { Scene, Transform } from '../contract/transform.ts';
import { savitzkyGolay, savitzkyGolayTaps, type LineBoundary } from './histogram.ts';
import { maskBy } from './mask.ts';

const device = createReferenceDevice();
const file = sceneFile('monai-transforms');
async function applied<P>(step: Transform<P>, scene: Scene): Promise<number[]> {
  return [...(await (await step.apply(scene, await step.sample(scene, new Philox(1)))).images.voxels.read())];
}

describe('a mask', () => {
  const row = file.cases.cases.find(({ op }) => op === 'MaskIntensity')!;
  const images = inputVolume(file, 'img', 'intensity', device);
  const scene: Scene = { id: 's', images, volumes: { mask: inputVolume(file, 'mask', 'intensity', device) } };
  it("gives MONAI's values", async () => {
    const expected = file.array(row.outputs['image']!.array!).data;
    expect(excess(await applied(maskBy('mask'), scene), expected, { atol: 0, rtol: 0 }).share).toBe(0);
  });
  it('is named where it is missing', async () => {
    await expect(applied(maskBy('brain'), scene)).rejects.toThrow(/no volume 'brain'/);
  });
});

describe("Savitzky-Golay's boundaries", () => {
  const line = [3, 1, 4, 1, 5, 9];
  const beyond: Record<LineBoundary, number[]> = {
    zeros: [0, 0, ...line, 0, 0],
    reflect: [4, 1, ...line, 5, 1],
    edge: [3, 3, ...line, 9, 9],
    wrap: [5, 9, ...line, 3, 1],
  };
  it.each(Object.keys(beyond) as LineBoundary[])('%s', async (boundary) => {
    const images = {
      grid: alignedGrid([1, 1, 6], [1, 1, 1]),
      kind: 'intensity',
      channels: ['a'],
      voxels: tensor(device, Float32Array.from(line), [1, 1, 1, 6]),
    } as const;
    const found = await applied(savitzkyGolay({ window: 5, order: 2, axis: 2, boundary }), { id: 's', images });
    const taps = savitzkyGolayTaps(5, 2);
    line.forEach((_, i) =>
      expect(found[i]).toBeCloseTo(
        taps.reduce((sum, tap, k) => sum + tap * beyond[boundary][i + k]!, 0),
        5,
      ),
    );
  });
});
