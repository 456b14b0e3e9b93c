import { affineFrom, shear, worldOf } from '@voxelwise/volume';
import type { Grid, Matrix3, Volume } from '@voxelwise/volume';
import { describe, expect, it } from 'vitest';
import { decodeVolume, encodeVolume } from '../volume-file.ts';
import { straightGrid, straightenVolume } from './straighten-volume.ts';

/** Sheared in every way, oblique, one axis backwards. */
const sheared: readonly (readonly [string, Grid])[] = (
  [
    ['a tilted stack', [0, 0, 0.8, 0.9, 1.2, 0, 2.5, 0, 0]],
    ['in plane', [0, 0.3, 0.8, 0, 1.2, 0, -2.5, 0, 0]],
    ['oblique, all axes', [0.4, 0.7, 0.6, 0.9, -0.9, 0.5, 2.1, 0.2, 0.1]],
  ] as const
).map(([name, linear]) => [
  name,
  { shape: [7, 9, 11], affine: affineFrom(linear as unknown as Matrix3, [-12, 30, 5]) },
]);

const ramp = (point: readonly number[]): number => 500 + 3 * point[0]! - 7 * point[1]! + 2 * point[2]!;
const each = ({ shape }: Grid, visit: (index: readonly [number, number, number], i: number) => void): void => {
  for (let i = 0, z = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++) for (let x = 0; x < shape[2]; x++, i++) visit([z, y, x], i);
};
const imageOn = (grid: Grid): Volume => {
  const voxels = new Float32Array(7 * 9 * 11);
  each(grid, (index, i) => (voxels[i] = ramp(worldOf(grid, index))));
  return { grid, kind: 'intensity', channels: ['0'], voxels };
};

describe('straightenVolume', () => {
  it.each(sheared)('keeps every value at its place: %s', (_, grid) => {
    const straight = straightenVolume(imageOn(grid));
    expect(shear(straight.grid)).toBeLessThan(1e-9);
    const low = Math.min(...imageOn(grid).voxels);
    let inside = 0;
    each(straight.grid, (index, i) => {
      const value = straight.voxels[i]!;
      // A ramp survives linear interpolation; outside there is the lowest value.
      if (Math.abs(value - low) < 1e-3) return;
      expect(Math.abs(value - ramp(worldOf(straight.grid, index)))).toBeLessThan(1e-3);
      inside++;
    });
    expect(inside).toBeGreaterThan(7 * 9 * 11 * 0.5);
  });

  it.each(sheared)('holds every voxel: %s', (_, grid) => {
    const straight = straightGrid(grid);
    const labels: Volume = { grid, kind: 'labels', channels: ['labels'], voxels: new Uint8Array(7 * 9 * 11).fill(3) };
    const { voxels } = straightenVolume(labels);
    expect(new Set(voxels)).toEqual(new Set([0, 3]));
    const volumeOf = ({ affine: a }: Grid): number =>
      Math.abs(
        a[0]! * (a[5]! * a[10]! - a[6]! * a[9]!) -
          a[1]! * (a[4]! * a[10]! - a[6]! * a[8]!) +
          a[2]! * (a[4]! * a[9]! - a[5]! * a[8]!),
      );
    // Straightening keeps what a voxel holds, so the number of labeled ones stays near.
    expect(volumeOf(straight)).toBeCloseTo(volumeOf(grid), 9);
    const labeled = voxels.filter((v) => v === 3).length;
    expect(Math.abs(labeled - 7 * 9 * 11)).toBeLessThan(0.35 * 7 * 9 * 11);
  });

  it('leaves a straight volume alone, and refuses a grid that would be mostly empty', () => {
    const straight = imageOn({ shape: [7, 9, 11], affine: affineFrom([0, 0, 1, 0, 1, 0, 2, 0, 0], [0, 0, 0]) });
    expect(straightenVolume(straight)).toBe(straight);
    const flat = imageOn({ shape: [7, 9, 11], affine: affineFrom([0, 0, 1, 50, 1, 0, 0.5, 0, 0], [0, 0, 0]) });
    expect(() => straightenVolume(flat)).toThrow('mostly empty');
  });

  it('is what reading with shear: resample gives', async () => {
    const image = imageOn(sheared[0]![1]);
    const bytes = await encodeVolume(image, '.nii');
    const kept = await decodeVolume(bytes, { fileName: 'x.nii' });
    const read = await decodeVolume(bytes, { fileName: 'x.nii', shear: 'resample' });
    expect(read.voxels).toEqual(straightenVolume(kept).voxels);
    expect(read.source.warnings[0]!.message).toContain('resampled onto right angles');
    await expect(decodeVolume(bytes, { fileName: 'x.nii', shear: 'refuse' })).rejects.toThrow("shear: 'resample'");
  });
});
