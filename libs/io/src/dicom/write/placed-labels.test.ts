/** Labels of images whose gaps were filled, written as objects of the slices that there are. */
import { describe, expect, it } from 'vitest';
import type { Volume } from '@voxelwise/volume';
import { parseDicom } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import { readSegmentation } from '../segmentation/read-segmentation.ts';
import { targetOfGrid } from '../segmentation/target.ts';
import { writeSegmentation } from '../segmentation/write-segmentation.ts';
import { openStack, readStack } from '../series/read-volume.ts';
import { scanDicom } from '../series/scan.ts';
import type { DicomStack } from '../series/scan.ts';
import { straightLabels } from '../series/tilted-labels.ts';
import { readStructures } from '../structures/read-structures.ts';
import { writeStructures } from '../structures/write-structures.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import type { SyntheticSeries } from '../testing/synthetic-series.ts';

const size = { rows: 6, columns: 5, slices: 8 };
const segments = [1, 2].map((label) => ({ label, name: `label ${label}` }));
const stackOf = async (more: Partial<SyntheticSeries>): Promise<DicomStack> =>
  (await scanDicom(syntheticSeries({ ...size, step: [0, 0, 2.5], ...more }))).stacks[0]!;
const boxes = (grid: Volume['grid']): Volume => {
  const [slices, rows, columns] = grid.shape;
  const voxels = new Uint8Array(slices * rows * columns);
  voxels.forEach((_, i) => {
    const [y, x] = [Math.floor(i / columns) % rows, i % columns];
    voxels[i] = y > 0 && y < 4 && x > 0 && x < 4 ? 1 + (Math.floor(i / (rows * columns)) % 2) : 0;
  });
  return { grid, kind: 'labels', channels: ['labels'], voxels };
};
const isMissing = (k: number): boolean => k === 2 || k === 5;

describe('a series without slices 2 and 5', () => {
  const missing: Partial<SyntheticSeries> = { edit: (content, k) => (isMissing(k) ? undefined : content) };

  it('gets the labels of the grid with even slices on those that it has', async () => {
    const stack = await stackOf(missing);
    const { grid } = (await readStack(stack, { onUneven: 'resample' })).volume;
    expect(grid.shape).toEqual([8, 6, 5]);
    const labels = boxes(grid);
    const kept = labels.voxels.map((v: number, i: number) => (isMissing(Math.floor(i / 30)) ? 0 : v));
    const target = targetOfGrid(grid);
    const seg = parseDicom(await writeSegmentation(labels, stack, { segments }));
    expect((await readSegmentation(seg, { target })).volume.voxels).toEqual(kept);
    const heights = seg.dataset
      .items(TAG.PerFrameFunctionalGroupsSequence)
      .map((item) => item.first(TAG.PlanePositionSequence)!.numbers(TAG.ImagePositionPatient)[2]);
    expect(heights).toEqual([0, 10, 15, 2.5, 7.5, 17.5]);
    const rt = parseDicom(await writeStructures(labels, stack, { segments }));
    expect((await readStructures(rt, { target })).volume.voxels).toEqual(kept);
  });

  it('does so where its gantry was tilted, too', async () => {
    const stack = await stackOf({ ...missing, step: [0, 0.8, 2.4] });
    const { grid } = await openStack(stack, { onUneven: 'resample', onTilt: 'keep' });
    const labels = boxes(grid);
    const { lattice } = targetOfGrid(grid);
    const straight = straightLabels(labels, lattice);
    const image = (await readStack(stack, { onUneven: 'resample', onTilt: 'shear' })).volume;
    expect(image.grid.shape).toEqual(straight.grid.shape);
    expect(await writeSegmentation(straight, stack, { segments })).toEqual(
      await writeSegmentation(labels, stack, { segments }),
    );
  });

  it('refuses labels that are as many slices as there are, and too many gaps', async () => {
    const stack = await stackOf(missing);
    const labels = boxes((await readStack(await stackOf({}))).volume.grid);
    const short = {
      ...labels,
      grid: { ...labels.grid, shape: [6, 6, 5] as const },
      voxels: labels.voxels.slice(0, 180),
    };
    await expect(writeSegmentation(short, stack, { segments })).rejects.toThrow('[6, 6, 5], the slices of series');
    const two = await stackOf({ slices: 10, edit: (c, k) => (k === 0 || k === 1 || k === 9 ? c : undefined) });
    await expect(writeSegmentation(labels, two, { segments })).rejects.toThrow('7 slice(s) missing');
  });
});

it('frames keep the positions of their images to the digit', async () => {
  const stack = await stackOf({
    edit: (content, k) => ({ ...content, ImagePositionPatient: [1.004, -2, 2.5 * k + (k % 2) * 0.007] }),
  });
  const labels = boxes((await readStack(stack)).volume.grid);
  const seg = parseDicom(await writeSegmentation(labels, stack, { segments }));
  const heights = seg.dataset
    .items(TAG.PerFrameFunctionalGroupsSequence)
    .map((item) => item.first(TAG.PlanePositionSequence)!.numbers(TAG.ImagePositionPatient)[2]);
  expect(heights).toEqual([0, 5, 10, 15, 2.507, 7.507, 12.507, 17.507]);
});
