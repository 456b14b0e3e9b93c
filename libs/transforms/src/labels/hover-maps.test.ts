/** HoVer maps by hand. */
import { expect, it } from 'vitest';
import { createReferenceDevice, Philox, tensor } from '@voxelwise/compute';
import { alignedGrid } from '@voxelwise/volume';
import { distance } from '../../fixtures/golden.ts';
import { run } from '../compose/sequence.ts';
import type { Scene } from '../contract/transform.ts';
import { hoverMaps } from './hover-maps.ts';

const device = createReferenceDevice();

function scene(values: number[], shape: [number, number, number]): Scene {
  const labels = {
    grid: alignedGrid(shape, [1, 1, 1]),
    kind: 'labels',
    channels: ['instances'],
    voxels: tensor(device, Int32Array.from(values), [1, ...shape]),
  } as const;
  return { id: 's', images: labels, labels };
}

it('measures each instance from its own center, slice by slice', async () => {
  // Instance 1 is a row of three and one below its middle; instance 7 a single voxel in each of two slices.
  const done = await run(
    hoverMaps(),
    scene([1, 1, 1, 0, 0, 1, 0, 7, /* next slice */ 0, 0, 0, 0, 0, 0, 0, 7], [2, 2, 4]),
    new Philox(1),
  );
  const { voxels, channels, kind } = done.volumes!['hover']!;
  expect([kind, ...channels]).toEqual(['intensity', 'horizontal', 'vertical']);
  const horizontal = [-1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const vertical = [-1, -1, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  expect(distance(await voxels.read(), [...horizontal, ...vertical])).toBeLessThan(1e-6);
});

it('says that there are no labels', async () => {
  const { images } = scene([1, 0, 0, 0], [1, 2, 2]);
  await expect(run(hoverMaps(), { id: 'x', images }, new Philox(1))).rejects.toThrow(/case x has no labels/);
});
