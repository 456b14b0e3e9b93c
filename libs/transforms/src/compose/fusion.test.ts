/** Fusion: one sampling however many placements, each volume with its own way to read, nearer to the truth than one after another. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox, tensor, type Device, type Tensor } from '@voxelwise/compute';
import { alignedGrid, worldOf, type Grid, type PerAxis } from '@voxelwise/volume';
import { run, sequence } from './sequence.ts';
import { withProbability } from './with-probability.ts';
import type { Scene, Transform } from '../contract/transform.ts';
import { rotate } from '../spatial/affine.ts';
import { flip, rotate90, transpose } from '../spatial/index-moves.ts';
import { orientation, resample, spacing } from '../spatial/spacing.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- transforms of many parameters */
type Any = any;
const device = createReferenceDevice();

/** A device that counts what is run on it, by operation. */
function counting(): { device: Device; counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const inner = createReferenceDevice();
  const watched = new Proxy(inner, {
    get: (target, key) => {
      const value = Reflect.get(target, key, target) as unknown;
      if (key !== 'run') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return (op: { name: string }, ...rest: unknown[]): unknown => {
        counts.set(op.name, (counts.get(op.name) ?? 0) + 1);
        return (value as (...all: unknown[]) => unknown).call(target, op, ...rest);
      };
    },
  });
  return { device: watched, counts };
}

const smoothValue = (r: number, a: number, s: number): number =>
  100 * Math.sin(0.45 * r + 0.3) * Math.cos(0.4 * a) + 60 * Math.sin(0.5 * s + 0.2 * r);

function sceneOn(on: Device, grid: Grid, value: (r: number, a: number, s: number) => number = smoothValue): Scene {
  const [nz, ny, nx] = grid.shape;
  const at = (v: number): number =>
    value(...worldOf(grid, [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx]));
  const values = Float32Array.from({ length: nz * ny * nx }, (_, v) => at(v));
  const shape = [1, nz, ny, nx];
  return {
    id: 's',
    images: { grid, kind: 'intensity', channels: ['0'], voxels: tensor(on, values, shape) },
    labels: {
      grid,
      kind: 'labels',
      channels: ['l'],
      voxels: tensor(
        on,
        Int32Array.from(values, (x) => (x > 20 ? 7 : 3)),
        shape,
      ),
    },
  };
}

const grid = alignedGrid([18, 20, 22], [1.4, 1, 0.9]);

describe('placements in a row', () => {
  const steps: Transform<Any>[] = [
    orientation('RAS'),
    spacing({ spacingMm: [1.1, 1.1, 1.1] }),
    withProbability(1, rotate({ degrees: [10, -15, 20] })),
    flip([0]),
    rotate({ degrees: [-4, 6, 12] }),
    rotate90({ turns: 1, axes: [0, 2] }),
  ];

  it('are sampled once per volume', async () => {
    const { device: watched, counts } = counting();
    await run(sequence(...steps), sceneOn(watched, grid), new Philox(1));
    expect(counts.get('sampleAffine')).toBe(2);
    expect(counts.get('reindex') ?? 0).toBe(0);
    counts.clear();
    let scene = sceneOn(watched, grid);
    for (const step of steps) scene = await run(step, scene, new Philox(1));
    expect(counts.get('sampleAffine')).toBe(6);
  });

  it('are nearer to the truth than one after another', async () => {
    const fused = await run(sequence(...steps), sceneOn(device, grid), new Philox(1));
    let single = sceneOn(device, grid);
    for (const step of steps) single = await run(step, single, new Philox(1));
    expect(single.images.grid.shape).toEqual(fused.images.grid.shape);
    const truth = await sceneOn(device, fused.images.grid).images.voxels.read();
    const [nz, ny, nx] = fused.images.grid.shape;
    const error = async ({ images }: Scene): Promise<number> => {
      const values = await images.voxels.read();
      let [sum, count] = [0, 0];
      // In the middle, where every step has all it reads.
      for (let v = 0; v < values.length; v++) {
        const p = [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx];
        if (p.some((k, axis) => Math.abs(k - ([nz, ny, nx][axis]! - 1) / 2) > 5)) continue;
        sum += (values[v]! - truth[v]!) ** 2;
        count++;
      }
      return Math.sqrt(sum / count);
    };
    const [once, often] = [await error(fused), await error(single)];
    expect(often).toBeGreaterThan(3);
    expect(once).toBeLessThan(0.6 * often);
  });

  it('keep what one turns out of view and the next turns back', async () => {
    const back: Grid = { ...grid };
    const away: Grid = { shape: grid.shape, affine: Float64Array.from(grid.affine) };
    away.affine[3] += 500;
    const scene = sceneOn(device, grid);
    const done = await run(sequence(resample({ onto: away }), resample({ onto: back })), scene, new Philox(1));
    expect(await done.images.voxels.read()).toEqual(await scene.images.voxels.read());
  });

  it('read each volume in its own way, and fill in its own way', async () => {
    const sampling = { interpolation: 'cubic', padding: 'zeros', fill: -50, labelFill: 9 } as const;
    const done = await run(
      sequence(spacing({ spacingMm: [1.2, 1.2, 1.2], sampling }), rotate({ degrees: [30, 20, 10], sampling })),
      sceneOn(device, grid),
      new Philox(1),
    );
    const labels = new Set(await done.labels!.voxels.read());
    expect([...labels].sort()).toEqual([3, 7, 9]);
    const values = await done.images.voxels.read();
    expect(values[0]).toBe(-50);
    // Cubic interpolation of a smooth image: a tenth of what a linear one is off by.
    const linear = await run(
      sequence(spacing({ spacingMm: [1.2, 1.2, 1.2] }), rotate({ degrees: [30, 20, 10] })),
      sceneOn(device, grid),
      new Philox(1),
    );
    const truth = await sceneOn(device, done.images.grid).images.voxels.read();
    const [nz, ny, nx] = done.images.grid.shape;
    const middle = ((nz >> 1) * ny + (ny >> 1)) * nx + (nx >> 1);
    const other = await linear.images.voxels.read();
    const near = [-3, -2, -1, 0, 1, 2, 3].map((k) => middle + k);
    const off = (v: ArrayLike<number>): number => Math.max(...near.map((k) => Math.abs(v[k]! - truth[k]!)));
    expect(off(values)).toBeLessThan(0.25 * off(other));
  });
});

describe('moves by whole voxels', () => {
  it('change no number, whatever their order', async () => {
    const { device: watched, counts } = counting();
    const scene = sceneOn(watched, alignedGrid([5, 6, 7], [1.4, 1, 0.9]));
    const before = await scene.images.voxels.read();
    const shifted: Grid = { shape: [5, 6, 7], affine: Float64Array.from(scene.images.grid.affine) };
    for (const row of [0, 1, 2]) shifted.affine[row * 4 + 3] = worldOf(scene.images.grid, [1, -2, 3])[row]!;
    const moves: Transform<Any>[] = [
      resample({ onto: shifted, sampling: { padding: 'zeros', fill: -1 } }),
      flip([0, 2]),
      transpose([2, 0, 1]),
      rotate90({ turns: 3, axes: [1, 2] }),
      orientation('LIP'),
      orientation('SAR'),
    ];
    const done = await run(sequence(...moves), scene, new Philox(1));
    expect(counts.get('sampleAffine') ?? 0).toBe(0);
    expect(counts.get('reindex')).toBe(2);
    const values = await done.images.voxels.read();
    const inside = (at: PerAxis): boolean => at.every((k, axis) => k >= 0 && k < [5, 6, 7][axis]!);
    for (let z = 0; z < 5; z++)
      for (let y = 0; y < 6; y++)
        for (let x = 0; x < 7; x++) {
          const from: PerAxis = [z + 1, y - 2, x + 3];
          const expected = inside(from) ? before[(from[0] * 6 + from[1]) * 7 + from[2]] : -1;
          expect(values[(z * 6 + y) * 7 + x]).toBe(expected);
        }
  });
});

/** Tensors of the scene, so that a test can see whether they are the very same. */
const voxelsOf = ({ images, labels }: Scene): Tensor[] => [images.voxels, labels!.voxels];

it('a row of moves that comes back to where it was touches nothing', async () => {
  const scene = sceneOn(device, grid);
  const done = await run(
    sequence(flip([1]), transpose([1, 2, 0]), transpose([2, 0, 1]), flip([1])),
    scene,
    new Philox(1),
  );
  expect(voxelsOf(done)[0]).toBe(voxelsOf(scene)[0]);
  expect(voxelsOf(done)[1]).toBe(voxelsOf(scene)[1]);
});
