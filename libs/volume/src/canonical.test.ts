import { describe, expect, it } from 'vitest';
import {
  affineFrom,
  alignedGrid,
  canonicalCase,
  canonicalGrid,
  fromCanonical,
  indexOf,
  orientation,
  toCanonical,
  worldOf,
  type Matrix3,
  type PerAxis,
  type Volume,
} from './index.ts';

const shape: PerAxis = [2, 3, 4];
const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];
const signs = Array.from({ length: 8 }, (_, k) => [k & 1, k & 2, k & 4].map((bit) => (bit ? -1 : 1)));

/** Array axis k runs along world axis `order[k]`, 1 + k mm apart. */
function turned(order: readonly number[], sign: readonly number[]): Volume {
  const linear = new Array<number>(9).fill(0);
  order.forEach((world, k) => (linear[world * 3 + k] = sign[k]! * (1 + k)));
  return {
    grid: { shape, affine: affineFrom(linear as unknown as Matrix3, [-5, 7, 11]) },
    kind: 'intensity',
    channels: ['a', 'b'],
    voxels: Int16Array.from({ length: 48 }, (_, v) => v * 3),
  };
}

const voxelAt = ({ grid, voxels }: Volume, channel: number, [z, y, x]: PerAxis): number =>
  voxels[((channel * grid.shape[0] + z) * grid.shape[1] + y) * grid.shape[2] + x]!;

describe('toCanonical', () => {
  it('turns all 48 orientations, every voxel staying where it is in the patient, and back', () => {
    for (const order of orders)
      for (const sign of signs) {
        const volume = turned(order, sign);
        const canonical = toCanonical(volume);
        expect(orientation(canonical.grid)).toBe('SAR');
        expect(canonical.grid).toEqual(canonicalGrid(volume.grid));
        expect(canonical.voxels).toBeInstanceOf(Int16Array);
        for (let channel = 0; channel < 2; channel++)
          for (let v = 0; v < 24; v++) {
            const index: PerAxis = [Math.floor(v / 12), Math.floor(v / 4) % 3, v % 4];
            const there = indexOf(canonical.grid, worldOf(volume.grid, index)).map(Math.round) as unknown as PerAxis;
            expect(voxelAt(canonical, channel, there)).toBe(voxelAt(volume, channel, index));
          }
        expect(fromCanonical(canonical, volume.grid)).toEqual(volume);
      }
  });

  it('hands back what is canonical already', () => {
    const volume = { ...turned([2, 1, 0], [1, 1, 1]), grid: alignedGrid(shape) };
    expect(toCanonical(volume)).toBe(volume);
  });

  it('turns labels with their images', () => {
    const images = turned([0, 2, 1], [-1, 1, -1]);
    const { labels } = canonicalCase({ id: 'a', images, labels: { ...images, kind: 'labels' } });
    expect(labels!.voxels).toEqual(toCanonical(images).voxels);
  });
});
