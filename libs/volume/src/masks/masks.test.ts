import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFixtureNpy } from '../../../../tools/testing/npy.ts';
import { GeometryError } from '../errors.ts';
import type { PerAxis } from '../volume.ts';
import {
  connectedComponents,
  cutBox,
  fillHoles,
  keepLargestComponents,
  DistanceBuffers,
  labelBoxes,
  nonzeroRegion,
  squaredDistance,
  takeSquaredDistances,
  tightBox,
  unionBox,
} from './index.ts';

const fixture = (name: string): URL => new URL(`../../fixtures/masks/${name}`, import.meta.url);

/** A deterministic mask with about `share` ones. */
function speckle(size: number, share: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 < share ? 1 : 0;
  });
}

interface CropCase {
  readonly shape: readonly [number, number, number, number];
  readonly data: readonly number[];
  readonly filled_mask: readonly number[];
  readonly bbox: readonly (readonly [number, number])[];
  readonly seg_after_crop: readonly number[];
}
const crops = JSON.parse(readFileSync(fixture('crop_cases.json'), 'utf8')) as readonly CropCase[];

describe('nonzeroRegion', () => {
  it.each(crops.map((crop, i) => [i, crop] as const))('crops golden case %i as nnU-Net does', (_, crop) => {
    const shape = crop.shape.slice(1) as unknown as PerAxis;
    const region = nonzeroRegion(Float32Array.from(crop.data), shape);
    expect([0, 1, 2].map((a) => [region.box.start[a], region.box.end[a]])).toEqual(crop.bbox);
    expect([...region.mask]).toEqual([...cutBox(Uint8Array.from(crop.filled_mask), 1, shape, region.box)]);
    expect([...region.mask].map((m) => m - 1)).toEqual(crop.seg_after_crop);
  });
});

describe('fillHoles', () => {
  it.each([1, 2, 3, 4, 5, 6])('equals repeated face dilation from the border, mask %i', (seed) => {
    const shape: PerAxis = [9, 11, 10];
    const mask = speckle(990, 0.55, seed);
    const expected = floodSlowly(mask, shape);
    fillHoles(mask, shape);
    expect(mask).toEqual(expected);
  });

  it('fills nothing in a single slice', () => {
    const ring = Uint8Array.from([1, 1, 1, 1, 0, 1, 1, 1, 1]);
    fillHoles(ring, [1, 3, 3]);
    expect([...ring]).toEqual([1, 1, 1, 1, 0, 1, 1, 1, 1]);
  });
});

describe('connectedComponents', () => {
  it.each(['0', '1', '2', 'tie', 'diagonal'])('keeps the largest components, golden %s', (name) => {
    const before = readFixtureNpy(fixture(`largest_component_${name}_in.npy`));
    const after = readFixtureNpy(fixture(`largest_component_${name}_out.npy`));
    const shape = before.shape.slice(-3) as unknown as PerAxis;
    const mask = Uint8Array.from(before.values as Uint8Array, (v) => (v !== 0 ? 1 : 0));
    keepLargestComponents(mask, shape);
    expect([...mask]).toEqual([...(after.values as Uint8Array)].map((v) => (v !== 0 ? 1 : 0)));
  });

  it.each([6, 18, 26] as const)('agrees with a flood from each voxel, %i neighbors', (connectivity) => {
    const shape: PerAxis = [7, 8, 9];
    for (const seed of [1, 2, 3]) {
      const mask = speckle(504, 0.3, seed);
      const { labels, sizes } = connectedComponents(mask, shape, connectivity);
      const expected = componentsSlowly(mask, shape, connectivity);
      expect([...labels]).toEqual(expected);
      expect(sizes).toEqual(sizes.map((__, i) => expected.filter((l) => l === i + 1).length));
    }
  });

  it('joins components that meet late: a comb', () => {
    const { sizes } = connectedComponents([1, 0, 1, 0, 1, 1, 1, 1, 1, 1], [1, 2, 5], 6);
    expect(sizes).toEqual([8]);
  });

  it('refuses a mask that does not fill its shape', () => {
    expect(() => connectedComponents([1, 0], [1, 1, 3])).toThrow(GeometryError);
  });
});

describe('labelBoxes', () => {
  it('equals the tight box of each label, over both maps', () => {
    const shape: PerAxis = [5, 6, 7];
    const [a, b] = [3, 4].map((seed) => speckle(210, 0.1, seed).map((v, i) => v * (1 + (i % 3)))) as [
      Uint8Array,
      Uint8Array,
    ];
    const boxes = labelBoxes([a, b], shape);
    expect([...boxes.keys()].sort()).toEqual([0, 1, 2, 3]);
    for (const [label, box] of boxes)
      expect(box).toEqual(
        tightBox(
          a.map((v, i) => (v === label || b[i] === label ? 1 : 0)),
          shape,
        ),
      );
    expect(unionBox([...boxes.values()])).toEqual({ start: [0, 0, 0], end: shape });
    expect(unionBox([])).toBeUndefined();
  });
});

describe('squaredDistance', () => {
  it.each([
    [[6, 7, 8], [1, 1, 1], 0.05],
    [[5, 9, 4], [3, 0.7, 1.1], 0.03],
    [[1, 12, 13], [5, 0.5, 0.25], 0.04],
    [[8, 1, 8], [0.3, 1, 2], 0.1],
  ] as [PerAxis, PerAxis, number][])('equals the search over all voxels, shape %j spacing %j', (shape, step, share) => {
    const mask = speckle(shape[0] * shape[1] * shape[2], share, 11);
    const squared = squaredDistance(mask, shape, step);
    const points = [...mask.keys()].filter((i) => mask[i] === 1).map((i) => place(i, shape));
    expect(points.length).toBeGreaterThan(1);
    squared.forEach((d, i) => {
      const [z, y, x] = place(i, shape);
      const nearest = Math.min(
        ...points.map((p) => ((p[0] - z) * step[0]) ** 2 + ((p[1] - y) * step[1]) ** 2 + ((p[2] - x) * step[2]) ** 2),
      );
      expect(d).toBeCloseTo(nearest, 9);
    });
  });

  it('gives the same piece by piece, each row from left to right, in buffers used before', () => {
    const buffers = new DistanceBuffers();
    for (const [shape, share] of [
      [[4, 5, 70], 0.01],
      [[3, 6, 33], 0.05],
      [[2, 2, 5], 0],
    ] as [PerAxis, number][]) {
      const mask = speckle(shape[0] * shape[1] * shape[2], share, 5);
      const squared = squaredDistance(mask, shape, [3, 0.7, 1.1]);
      const seen = new Float64Array(mask.length).fill(-1);
      takeSquaredDistances(
        mask,
        shape,
        [3, 0.7, 1.1],
        (voxel, values, at, count) => {
          expect(voxel % shape[2] === 0 || seen[voxel - 1] !== -1).toBe(true);
          seen.set(values.subarray(at, at + count), voxel);
        },
        buffers,
      );
      expect(seen).toEqual(squared);
    }
  });

  it('counts steps along rows of more voxels than 16 bits hold', () => {
    const mask = new Uint8Array(70_000);
    mask[0] = 1;
    const squared = squaredDistance(mask, [1, 1, 70_000]);
    expect([squared[65_535], squared[65_536], squared[69_999]]).toEqual([65_535 ** 2, 65_536 ** 2, 69_999 ** 2]);
  });

  it('is infinite where nothing is marked', () => {
    expect([...squaredDistance([0, 0, 0, 0], [2, 1, 2])]).toEqual([Infinity, Infinity, Infinity, Infinity]);
    expect(tightBox([0, 0], [1, 1, 2])).toBeUndefined();
  });

  it('refuses a spacing that is not positive', () => {
    expect(() => squaredDistance([1], [1, 1, 1], [0, 1, 1])).toThrow(GeometryError);
  });
});

function place(i: number, [, height, width]: PerAxis): [number, number, number] {
  return [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
}

function neighbors(i: number, shape: PerAxis, reach: number): number[] {
  const [z, y, x] = place(i, shape);
  const found: number[] = [];
  for (let dz = -1; dz <= 1; dz++)
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) {
        const [nz, ny, nx] = [z + dz, y + dy, x + dx];
        const steps = Math.abs(dz) + Math.abs(dy) + Math.abs(dx);
        const inside = nz >= 0 && ny >= 0 && nx >= 0 && nz < shape[0] && ny < shape[1] && nx < shape[2];
        if (steps > 0 && steps <= reach && inside) found.push((nz * shape[1] + ny) * shape[2] + nx);
      }
  return found;
}

function componentsSlowly(mask: Uint8Array, shape: PerAxis, connectivity: 6 | 18 | 26): number[] {
  const labels = new Array<number>(mask.length).fill(0);
  let count = 0;
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] === 0 || labels[start] !== 0) continue;
    labels[start] = ++count;
    for (const stack = [start]; stack.length > 0;)
      for (const next of neighbors(stack.pop()!, shape, { 6: 1, 18: 2, 26: 3 }[connectivity]))
        if (mask[next] !== 0 && labels[next] === 0) {
          labels[next] = count;
          stack.push(next);
        }
  }
  return labels;
}

function floodSlowly(mask: Uint8Array, shape: PerAxis): Uint8Array {
  const outside = new Uint8Array(mask.length);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = 0; i < mask.length; i++) {
      if (mask[i] !== 0 || outside[i] !== 0) continue;
      const near = neighbors(i, shape, 1);
      if (near.length < 6 || near.some((n) => outside[n] !== 0)) {
        outside[i] = 1;
        changed = true;
      }
    }
  }
  return outside.map((o) => 1 - o);
}
