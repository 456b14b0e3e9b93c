/** Random crops: with NumPy's generator they are MONAI's, with ours they only have to be balanced. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, NumpyRandomState, Philox } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { inputVolume, sceneFile } from '../../fixtures/scenes.ts';
import type { Scene } from '../contract/transform.ts';
import {
  anyBox,
  balancedCenters,
  balancedCrop,
  balancedCrops,
  boxAround,
  classCenters,
  classIndices,
  cropDraw,
  foregroundIndices,
  randomCrop,
  weightedCenters,
} from './random-crops.ts';
import { boxApplication } from './index-moves.ts';
import { run } from '../compose/sequence.ts';

const file = sceneFile('monai-transforms');
const device = createReferenceDevice();
const scene = (): Scene => ({
  id: 's',
  images: inputVolume(file, 'img', 'intensity', device),
  labels: inputVolume(file, 'lab', 'labels', device),
});
const row = (id: string) => file.cases.cases.find((c) => c.id === id)!;
const shape: PerAxis = [16, 14, 11];
const size = [8, 7, 6];
/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- golden values of any shape */
const value = (id: string, name: string): any => row(id).outputs[name]!.value;

describe("MONAI's crops", () => {
  it('lists voxels of foreground, background and classes', async () => {
    const { images, labels } = scene();
    const lists = foregroundIndices(await labels!.voxels.read());
    expect([...lists.foreground]).toEqual([...file.array(row('fgbg').outputs['fg']!.array!).data]);
    expect([...lists.background]).toEqual([...file.array(row('fgbg').outputs['bg']!.array!).data]);
    classIndices(await labels!.voxels.read(), 4).forEach((list, k) =>
      expect([...list]).toEqual([...file.array(row('classidx').outputs[`c${k}`]!.array!).data]),
    );
    expect(images.grid.shape).toEqual(shape);
  });
  it('balances foreground and background', async () => {
    const { images, labels } = scene();
    const lists = foregroundIndices(await labels!.voxels.read(), await images.voxels.read(), 0);
    const centers = balancedCenters(new NumpyRandomState(42), {
      shape,
      size,
      count: 6,
      positive: 2,
      negative: 1,
      ...lists,
    });
    expect(centers).toEqual(value('randcropposneg', 'centers'));
    for (const [k, center] of centers.entries()) {
      const crop = boxApplication.apply({ id: 's', images }, boxAround(center, size, shape));
      expect([...(await crop.images.voxels.read())]).toEqual([
        ...file.array(row('randcropposneg').outputs[`crop${k}`]!.array!).data,
      ]);
    }
  });
  it('draws classes by ratio', async () => {
    const classes = classIndices(await scene().labels!.voxels.read(), 4);
    expect(classCenters(new NumpyRandomState(7), { shape, size, count: 6, classes, ratios: [1, 3, 2, 1] })).toEqual(
      value('randcropclasses', 'centers'),
    );
  });
  it('lie anywhere inside', async () => {
    const { images } = scene();
    const { start } = anyBox(new NumpyRandomState(9), { shape, size });
    const crop = boxApplication.apply({ id: 's', images }, { ...boxAround([0, 0, 0], size, shape), start });
    expect([...(await crop.images.voxels.read())]).toEqual([
      ...file.array(row('randspatialcrop').outputs['image']!.array!).data,
    ]);
    expect([...crop.images.grid.affine]).toEqual(value('randspatialcrop', 'affine').flat());
  });
  it('draws by weight', async () => {
    const weights = (await scene().images.voxels.read()).map(Math.abs);
    expect(weightedCenters(new NumpyRandomState(4), { shape, size, count: 4, weights })).toEqual(
      value('randweightedcrop', 'centers'),
    );
  });
});

describe('our crops', () => {
  it('stay inside, and are the same for the same stream', async () => {
    const crops = await balancedCrops(scene(), { size, count: 8, imageAbove: 0 }, new Philox(5));
    expect(crops.map((crop) => crop.images.voxels.shape)).toEqual(Array.from({ length: 8 }, () => [1, ...size]));
    const again = await balancedCrops(scene(), { size, count: 8, imageAbove: 0 }, new Philox(5));
    expect(crops.map((crop) => crop.history)).toEqual(again.map((crop) => crop.history));
    const one = await run(balancedCrop({ size }), scene(), new Philox(1));
    expect(one.labels!.voxels.shape).toEqual([1, ...size]);
    expect((await run(randomCrop(size), scene(), new Philox(1))).images.grid.shape).toEqual(size);
  });
  it('have a size between two, inside the image', () => {
    const sizes = Array.from({ length: 200 }, (_, k) =>
      anyBox(cropDraw(new Philox(1).split(k)), { shape, size: [4, 14, 3], largest: [6, 14, 11] }),
    );
    for (const { start, size: drawn } of sizes)
      start.forEach((s, axis) => expect(s >= 0 && s + drawn[axis]! <= shape[axis]!).toBe(true));
    expect([...new Set(sizes.map((box) => box.size[0]))].sort()).toEqual([4, 5, 6]);
    expect(() => randomCrop([5, 5, 5], [4, 5, 5]).sample(scene(), new Philox(1))).toThrow(/below the smallest/);
  });
  it('say what does not fit', async () => {
    const none = { foreground: new Uint32Array(), background: new Uint32Array() };
    expect(() => balancedCenters(new NumpyRandomState(1), { shape, size: [17, 2, 2], count: 1, ...none })).toThrow(
      /does not fit/,
    );
    expect(() => balancedCenters(new NumpyRandomState(1), { shape, size, count: 1, ...none })).toThrow(/neither/);
    expect(() =>
      classCenters(new NumpyRandomState(1), {
        shape,
        size,
        count: 1,
        classes: [new Uint32Array(), new Uint32Array(3)],
        ratios: [1, 0],
      }),
    ).toThrow(/none of the classes/);
    await expect(run(randomCrop([20, 1, 1]), scene(), new Philox(1))).rejects.toThrow(/does not fit/);
    await expect(balancedCrops({ id: 'x', images: scene().images }, { size, count: 1 }, new Philox(1))).rejects.toThrow(
      /no labels/,
    );
  });
});
