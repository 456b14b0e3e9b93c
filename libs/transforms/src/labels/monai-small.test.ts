/** MONAI's way to count small objects: its goldens, and by hand what they do not show. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox, tensor } from '@voxelwise/compute';
import { alignedGrid } from '@voxelwise/volume';
import { excess, inputVolume, sceneFile } from '../../fixtures/scenes.ts';
import type { Scene } from '../contract/transform.ts';
import { monaiRemoveSmall, type MonaiSmallParameters } from './monai-small.ts';

const device = createReferenceDevice();
const post = sceneFile('monai-post');

async function removed(images: Scene['images'], settings: Partial<MonaiSmallParameters>): Promise<number[]> {
  const step = monaiRemoveSmall(settings);
  const scene: Scene = { id: 's', images };
  return [...(await (await step.apply(scene, await step.sample(scene, new Philox(1)))).images.voxels.read())];
}
const row = (channels: number, labels: number[]): Scene['images'] => ({
  grid: alignedGrid([1, 1, labels.length / channels], [1, 1, 1]),
  kind: 'labels',
  channels: Array.from({ length: channels }, (_, c) => String(c)),
  voxels: tensor(device, Int32Array.from(labels), [channels, 1, 1, labels.length / channels]),
});

describe("MONAI's RemoveSmallObjects", () => {
  it.each(post.cases.cases.filter(({ op }) => op === 'RemoveSmallObjects').map((entry) => [entry.id, entry] as const))(
    '%s',
    async (_id, entry) => {
      const p = entry.params as unknown as { min_size: number; connectivity?: number; independent_channels?: boolean };
      const found = await removed(inputVolume(post, 'labelmap', 'labels', device), {
        leastVoxels: p.min_size,
        connectivity: p.connectivity ?? 1,
        independent: p.independent_channels ?? true,
      });
      expect(excess(found, post.array(entry.outputs['out']!.array!).data, { atol: 0, rtol: 0 }).share).toBe(0);
    },
  );
  it('counts a label as a whole where labels are above 1', async () => {
    expect(await removed(row(1, [1, 0, 1, 1, 0, 2, 2]), { leastVoxels: 3 })).toEqual([1, 0, 1, 1, 0, 0, 0]);
  });
  it('counts components of a mask, or of all labels together', async () => {
    expect(await removed(row(1, [1, 0, 1, 1, 0, 0, 0]), { leastVoxels: 2 })).toEqual([0, 0, 1, 1, 0, 0, 0]);
    expect(await removed(row(1, [1, 0, 1, 2, 2, 0, 2]), { leastVoxels: 2, independent: false })).toEqual([
      0, 0, 1, 2, 2, 0, 0,
    ]);
  });
  it('joins channels at one place', async () => {
    expect(await removed(row(2, [1, 0, 0, 1, 1, 0, 0, 0]), { leastVoxels: 2 })).toEqual([1, 0, 0, 0, 1, 0, 0, 0]);
  });
  it('refuses what cannot be', () => expect(() => monaiRemoveSmall({ connectivity: 5 })).toThrow(/1 to 4/));
});
