/** N4 on a synthetic head whose bias field is known. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox, tensor } from '@voxelwise/compute';
import { alignedGrid } from '@voxelwise/volume';
import type { Scene } from '../contract/transform.ts';
import { n4, n4Field } from './n4.ts';

const space = [28, 32, 30] as const;
const size = space[0] * space[1] * space[2];

/** Three tissues in shells and blobs, some noise, and a smooth field of the given strength. */
function head(strength: number): { image: Float64Array; field: Float64Array; tissue: Uint8Array } {
  const rng = new Philox(11);
  const [image, field, tissue] = [new Float64Array(size), new Float64Array(size), new Uint8Array(size)];
  for (let v = 0; v < size; v++) {
    const [z, y, x] = [Math.floor(v / 960), Math.floor(v / 30) % 32, v % 30];
    const [a, b, c] = [(z - 13.5) / 14, (y - 15.5) / 16, (x - 14.5) / 15];
    const r = Math.hypot(a, b, c);
    const folded = Math.sin(z * 0.9) * Math.sin(y * 0.8) * Math.sin(x * 0.85);
    tissue[v] = r > 0.95 ? 0 : folded > 0.15 ? 3 : folded > -0.2 ? 2 : 1;
    field[v] = Math.exp(strength * (0.8 * a - 0.6 * b + 0.5 * a * c - 0.7 * b * b + 0.4 * c));
    image[v] = tissue[v] === 0 ? 0 : [0, 60, 110, 160][tissue[v]!]! * field[v]! * (1 + rng.normal(0, 0.02));
  }
  return { image, field, tissue };
}

/** Standard deviation of log(found / true) over the head: 0 where they are the same up to a factor. */
function deviation(found: ArrayLike<number>, truth: ArrayLike<number>, tissue: Uint8Array): number {
  const logs: number[] = [];
  tissue.forEach((t, v) => t > 0 && logs.push(Math.log(found[v]! / truth[v]!)));
  const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
  return Math.sqrt(logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logs.length);
}

const settings = {
  iterations: [50, 50, 30],
  convergence: 1e-3,
  cells: [1, 1, 1],
  shrink: 2,
  above: 0,
  bins: 200,
  fullWidth: 0.15,
  noise: 0.01,
};

describe('N4', () => {
  it('finds the field, up to a factor, within a tolerance', () => {
    const { image, field, tissue } = head(0.5);
    const before = deviation(new Float64Array(size).fill(1), field, tissue);
    const after = deviation(n4Field(image, space, settings), field, tissue);
    expect(before).toBeGreaterThan(0.2);
    // Measured 0.0072.
    expect(after).toBeLessThan(0.015);
  });
  it('leaves an image without bias nearly alone', () => {
    const { image, tissue } = head(0);
    expect(deviation(n4Field(image, space, settings), new Float64Array(size).fill(1), tissue)).toBeLessThan(0.03);
  });
  it('makes every tissue even, as a transform that is recorded', async () => {
    const { image, tissue } = head(0.5);
    const device = createReferenceDevice();
    const scene: Scene = {
      id: 's',
      images: {
        grid: alignedGrid([...space], [1, 1, 1]),
        kind: 'intensity',
        channels: ['MR'],
        voxels: tensor(device, Float32Array.from(image), [1, ...space]),
      },
    };
    const step = n4({ iterations: [50, 50, 30] });
    const parameters = JSON.parse(JSON.stringify(await step.sample(scene, new Philox(1)))) as never;
    const corrected = await (await step.apply(scene, parameters)).images.voxels.read();
    const spread = (values: ArrayLike<number>, wanted: number): number => {
      const own = [...tissue.keys()].filter((v) => tissue[v] === wanted).map((v) => values[v]!);
      const mean = own.reduce((a, b) => a + b, 0) / own.length;
      return Math.sqrt(own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / own.length) / mean;
    };
    for (const wanted of [1, 2, 3]) expect(spread(corrected, wanted)).toBeLessThan(spread(image, wanted) / 3);
  });
  it('has nothing to do where everything is equal, or nothing is there', () => {
    expect(new Set(n4Field(new Float64Array(size).fill(7), space, settings))).toEqual(new Set([1]));
    expect(new Set(n4Field(new Float64Array(size), space, settings))).toEqual(new Set([1]));
  });
  it('refuses what cannot be', () => {
    expect(() => n4({ iterations: [] })).toThrow(/at least 1/);
    expect(() => n4({ above: -1 })).toThrow(/at least 0/);
  });
});
