/** MONAI's elastic deformation as one transform, against its golden. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox, tensor } from '@voxelwise/compute';
import { indexOf, worldOf } from '@voxelwise/volume';
import { distance } from '../../fixtures/golden.ts';
import { excess, inputVolume, sceneFile } from '../../fixtures/scenes.ts';
import type { Scene } from '../contract/transform.ts';
import { monaiAffineMatrix } from './affine.ts';
import { monaiElastic, monaiElasticApplication } from './monai-elastic.ts';
import { LINEAR } from './move.ts';

const file = sceneFile('monai-transforms');
const device = createReferenceDevice();
const images = inputVolume(file, 'img', 'intensity', device);
const row = file.cases.cases.find(({ id }) => id === 'rand3delastic_fixed')!;
const p = row.params as unknown as Record<'rotate' | 'shear' | 'translate' | 'scale', number[]> & {
  sigma: number;
  magnitude: number;
};
const parameters = {
  offsets: [...file.array(row.outputs['rand_offset_input']!.array!).data],
  sigma: p.sigma,
  magnitude: p.magnitude,
  matrix: monaiAffineMatrix({ radians: p.rotate, shear: p.shear, translateVoxels: p.translate, scale: p.scale }),
  sampling: { ...LINEAR, padding: 'border' },
} as const;

describe("MONAI's elastic deformation", () => {
  it('gives its golden', async () => {
    const result = await monaiElasticApplication.apply({ id: 's', images }, parameters);
    const expected = file.array(row.outputs['image']!.array!).data;
    expect(excess(await result.images.voxels.read(), expected, row).worst).toBeLessThanOrEqual(0);
    expect(result.images.grid).toEqual(images.grid);
  });
  it('moves points with the content', async () => {
    // An image of its own indices, read where the point went, says where it came from.
    const { shape } = images.grid;
    const size = shape[0] * shape[1] * shape[2];
    const indices = Float32Array.from({ length: 3 * size }, (_, k) => {
      const v = k % size;
      return [Math.floor(v / (shape[1] * shape[2])), Math.floor(v / shape[2]) % shape[1], v % shape[2]][
        Math.floor(k / size)
      ]!;
    });
    const ramp = { ...images, channels: ['z', 'y', 'x'], voxels: tensor(device, indices, [3, ...shape]) };
    const scene: Scene = { id: 's', images: ramp, points: { a: [worldOf(images.grid, [7, 6, 5])] } };
    const after = await monaiElasticApplication.apply(scene, parameters);
    const values = await after.images.voxels.read();
    const at = indexOf(images.grid, after.points!['a']![0]!);
    expect(Math.hypot(at[0] - 7, at[1] - 6, at[2] - 5)).toBeGreaterThan(0.1);
    [7, 6, 5].forEach((original, channel) => {
      let read = 0;
      for (let c = 0; c < 8; c++) {
        const corner = [c >> 2, (c >> 1) & 1, c & 1];
        const [z, y, x] = corner.map((one, axis) => Math.floor(at[axis]!) + one) as [number, number, number];
        const weight = corner.reduce((w, one, axis) => w * (one ? at[axis]! % 1 : 1 - (at[axis]! % 1)), 1);
        read += weight * values[channel * size + (z * shape[1] + y) * shape[2] + x]!;
      }
      expect(Math.abs(read - original)).toBeLessThan(1e-3);
    });
  });
  it('draws from its stream, the same for the same record', async () => {
    const step = monaiElastic({ sigma: [1, 2], magnitude: [80, 120], rotate: [[-0.1, 0.1], 0, 0] });
    const drawn = JSON.parse(JSON.stringify(await step.sample({ id: 's', images }, new Philox(5)))) as never;
    const [a, b] = [await step.apply({ id: 's', images }, drawn), await step.apply({ id: 's', images }, drawn)];
    expect(await a.images.voxels.read()).toEqual(await b.images.voxels.read());
    expect(distance(await a.images.voxels.read(), await images.voxels.read())).toBeGreaterThan(1);
  });
  it('refuses what cannot be', async () => {
    expect(() => monaiElastic({ sigma: 0, magnitude: 1 }).sample({ id: 's', images }, new Philox(1))).toThrow(
      /positive/,
    );
    await expect(monaiElasticApplication.apply({ id: 's', images }, { ...parameters, offsets: [1] })).rejects.toThrow(
      /offsets/,
    );
  });
});
