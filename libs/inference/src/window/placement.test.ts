import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gaussianWeights } from './gaussian.ts';
import { padding, windowStarts } from './placement.ts';
import { readNpy } from '../testing/npy.ts';

const fixtures = new URL('../../fixtures/sliding-window/', import.meta.url);
const json = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, fixtures), 'utf8')) as T;

describe('windowStarts', () => {
  it('places windows where the reference does', () => {
    const cases =
      json<{ image_size: number[]; tile_size: number[]; tile_step_size: number; steps: number[][] }[]>('steps.json');
    expect(cases.length).toBeGreaterThan(10);
    for (const { image_size, tile_size, tile_step_size, steps } of cases)
      expect(image_size.map((extent, axis) => windowStarts(extent, tile_size[axis]!, tile_step_size))).toEqual(steps);
  });

  it('refuses an axis shorter than the patch, and steps outside (0, 1]', () => {
    expect(() => windowStarts(3, 4, 0.5)).toThrow(/3 voxels, less than the patch of 4/);
    expect(() => windowStarts(8, 4, 0)).toThrow(/share of the patch/);
  });
});

it('pads as the reference does', () => {
  for (const { image_shape, new_shape, slicer_revert } of json<
    { image_shape: number[]; new_shape: number[]; slicer_revert: number[][] }[]
  >('pad_nd_image.json')) {
    const least = [...image_shape.slice(0, image_shape.length - new_shape.length).map(() => 0), ...new_shape];
    const ours = image_shape.map((extent, axis) => {
      const [before] = padding(extent, least[axis]!);
      return [before, before + extent];
    });
    expect(ours).toEqual(slicer_revert);
  }
});

describe('gaussianWeights', () => {
  it.each([[[16, 16, 16]], [[8, 24, 32]], [[5, 7, 9]], [[32, 24]]])('equals the reference for %j', (patch) => {
    const name = `gaussian_${patch.join('x')}`;
    const exact = readNpy(new URL(`${name}_float64.npy`, fixtures));
    const ours = gaussianWeights(patch, { rounded: false });
    let largest = 0;
    exact.data.forEach((w, k) => (largest = Math.max(largest, Math.abs(w - ours[k]!))));
    expect(largest).toBeLessThan(1e-9);

    const rounded = readNpy(new URL(`${name}_float16_as_float32.npy`, fixtures));
    const half = gaussianWeights(patch);
    let off = 0;
    rounded.data.forEach((w, k) => (off = Math.max(off, Math.abs(w - half[k]!) / w)));
    expect(off).toBeLessThan(1e-3); // one step of float16 where the exact value lies between two
    expect(rounded.data.filter((w, k) => w !== half[k]).length).toBeLessThan(rounded.data.length / 500 + 1);
  });
});
