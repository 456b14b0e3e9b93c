import { describe, expect, it } from 'vitest';
import {
  GeometryError,
  affineFrom,
  alignedGrid,
  checkVolume,
  compareGrids,
  direction,
  indexOf,
  invertAffine,
  isRightHanded,
  nearestOrthogonal,
  orientation,
  orthogonalize,
  sameGrid,
  shear,
  spacing,
  worldOf,
} from './index.ts';
import type { Grid, Matrix3, PerAxis } from './index.ts';

const rotation = (degrees: number): Matrix3 => {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  // about x by `degrees`, then about z by half of it
  const [d, t] = [Math.cos((degrees * Math.PI) / 360), Math.sin((degrees * Math.PI) / 360)];
  return [d, -t * c, t * s, t, d * c, -d * s, 0, s, c];
};
const oblique = (degrees: number, mm: PerAxis, shape: PerAxis = [30, 40, 50]): Grid => {
  const r = rotation(degrees);
  return { shape, affine: affineFrom(r.map((v, i) => v * mm[i % 3]!) as unknown as Matrix3, [-12.5, 40, 7]) };
};

describe('affine', () => {
  it('places voxels and finds them again', () => {
    const grid = oblique(33, [3, 1.5, 0.7]);
    const world = worldOf(grid, [4, 5, 6.5]);
    indexOf(grid, world).forEach((v, axis) => expect(v).toBeCloseTo([4, 5, 6.5][axis]!, 10));
  });
  it('says that a flat affine cannot be inverted', () => {
    expect(() => invertAffine(affineFrom([1, 2, 0, 1, 2, 0, 0, 0, 1], [0, 0, 0]))).toThrow(GeometryError);
  });
});

describe('spacing', () => {
  it('gives equal voxel sizes as equal numbers, whatever the rotation', () => {
    for (let degrees = 0; degrees < 180; degrees += 7) {
      const mm = Math.fround(0.8);
      expect(spacing(oblique(degrees, [mm, mm, 2.4]))).toEqual([mm, mm, 2.4]);
    }
  });
});

describe('direction', () => {
  it('names the axes slowest first', () => {
    expect(orientation(alignedGrid([2, 2, 2]))).toBe('SAR');
    const g = alignedGrid([2, 2, 2]);
    const flipped = g.affine.slice();
    flipped[2] = -1;
    expect(orientation({ ...g, affine: flipped })).toBe('SAL');
    expect([isRightHanded(g), isRightHanded({ ...g, affine: flipped })]).toEqual([true, false]);
  });
  it('names all 48 orientations differently', () => {
    const seen = new Set<string>();
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ])
      for (let signs = 0; signs < 8; signs++) {
        const m = new Array(9).fill(0) as number[];
        order.forEach((world, axis) => (m[3 * world + axis] = signs & (1 << axis) ? -2 : 2));
        seen.add(orientation({ shape: [2, 2, 2], affine: affineFrom(m as unknown as Matrix3, [0, 0, 0]) }));
      }
    expect(seen.size).toBe(48);
  });
  it('repairs three-digit directions and reports by how much', () => {
    const exact = oblique(25, [2, 1, 1]);
    const linear = direction(exact).map((v, i) => Number(v.toFixed(3)) * [2, 1, 1][i % 3]!) as unknown as Matrix3;
    const { grid, deviation } = orthogonalize({ shape: exact.shape, affine: affineFrom(linear, [-12.5, 40, 7]) });
    expect(deviation).toBeGreaterThan(1e-5);
    expect(deviation).toBeLessThan(1e-3);
    expect(shear(grid)).toBeLessThan(1e-14);
    const q = direction(grid);
    const distanceToTruth = Math.max(...q.map((v, i) => Math.abs(v - direction(exact)[i]!)));
    expect(distanceToTruth).toBeLessThan(1e-3);
    expect(nearestOrthogonal(q).every((v, i) => Math.abs(v - q[i]!) < 1e-14)).toBe(true);
  });
  it('refuses real shear', () => {
    const grid = alignedGrid([10, 10, 10], [3, 1, 1]);
    const tilted = grid.affine.slice();
    tilted[4] = 0.6; // gantry tilt: y moves with z
    expect(() => orthogonalize({ ...grid, affine: tilted })).toThrow(/sheared/);
  });
});

describe('sameGrid', () => {
  const grid = oblique(20, [5, 0.7, 0.7], [100, 512, 512]);
  it('accepts rounding and refuses what moves a voxel', () => {
    const rounded = grid.affine.map(Math.fround) as Float64Array;
    expect(sameGrid(grid, { ...grid, affine: rounded })).toBe(true);
    const shifted = grid.affine.slice();
    shifted[3]! += 0.35;
    expect(sameGrid(grid, { ...grid, affine: shifted })).toBe(false);
    expect(sameGrid(grid, { ...grid, affine: shifted }, { toleranceVoxels: 0.51 })).toBe(true);
    expect(sameGrid(grid, { ...grid, shape: [99, 512, 512] })).toBe(false);
  });
  it('sees a spacing error at the far corner', () => {
    const a = alignedGrid([100, 10, 10], [1, 1, 1]);
    const b = alignedGrid([100, 10, 10], [1.01, 1, 1]);
    expect(compareGrids(a, b).cornerMm).toBeCloseTo(0.99, 10);
    expect(sameGrid(a, b)).toBe(false);
  });
});

describe('checkVolume', () => {
  const good = {
    grid: alignedGrid([2, 2, 2]),
    kind: 'labels' as const,
    channels: ['labels'],
    voxels: new Uint8Array(8),
  };
  it('accepts a volume that adds up and refuses the rest', () => {
    expect(() => checkVolume(good)).not.toThrow();
    expect(() => checkVolume({ ...good, voxels: new Uint8Array(7) })).toThrow(/8 voxels, came 7/);
    expect(() => checkVolume({ ...good, grid: { ...good.grid, shape: [2, 0, 2] } })).toThrow(GeometryError);
    expect(() => checkVolume({ ...good, channels: ['a', 'b'], voxels: new Uint8Array(16) })).toThrow(/one channel/);
  });
});
