/** Dense deformations: MONAI's goldens for given grids, and our own in millimetres. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blur, createReferenceDevice, createWasmDevice, Philox, tensor, type Device } from '@voxelwise/compute';
import { distance } from '../../fixtures/golden.ts';
import { excess, inputVolume, sceneFile } from '../../fixtures/scenes.ts';
import type { Sampling, Scene } from '../contract/transform.ts';
import { erfTaps } from '../intensity/gaussian-taps.ts';
import { monaiAffineMatrix } from './affine.ts';
import { elastic, controlGrid, gridDistortion } from './elastic.ts';
import { displaced } from './field.ts';
import { compose, translation } from './matrix.ts';
import { LINEAR } from './move.ts';

const file = sceneFile('monai-transforms');
const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 1 });
});
afterAll(() => devices['wasm']?.dispose());
const shape = [16, 14, 11] as const;
const centers = shape.map((n) => (n - 1) / 2);

/** Voxel displacements from centered coordinates [3, z, y, x]. */
function fieldOf(grid: ArrayLike<number>): Float32Array {
  const voxels = 16 * 14 * 11;
  return Float32Array.from(grid, (g, k) => {
    const [axis, v] = [Math.floor(k / voxels), k % voxels];
    return g + centers[axis]! - [Math.floor(v / 154), Math.floor(v / 11) % 14, v % 11][axis]!;
  });
}

for (const kind of ['reference', 'wasm']) {
  describe(`dense deformations on ${kind}`, () => {
    const rows = file.cases.cases.filter(({ op }) => op === 'Resample');
    it.each(rows.map((row) => [row.id, row] as const))('%s', async (_id, row) => {
      const device = devices[kind]!;
      const mode = row.params as unknown as { mode: string | number; padding_mode: string };
      const sampling: Sampling = {
        ...LINEAR,
        interpolation: mode.mode === 3 ? 'cubic' : 'linear',
        padding: mode.padding_mode === 'zeros' ? 'zeros' : mode.padding_mode === 'reflection' ? 'reflect' : 'border',
      };
      const field = tensor(device, fieldOf(file.array(row.outputs['grid_input']!.array!).data), [3, ...shape]);
      const moved = displaced(inputVolume(file, 'img', 'intensity', device), field, sampling);
      expect(
        excess(await moved.voxels.read(), file.array(row.outputs['image']!.array!).data, row).worst,
      ).toBeLessThanOrEqual(0);
    });

    it("gives MONAI's elastic deformation for its offsets", async () => {
      const device = devices[kind]!;
      const row = file.cases.cases.find(({ id }) => id === 'rand3delastic_fixed')!;
      const p = row.params as unknown as {
        sigma: number;
        magnitude: number;
        rotate: number[];
        shear: number[];
        translate: number[];
        scale: number[];
      };
      const offsets = tensor(device, Float32Array.from(file.array(row.outputs['rand_offset_input']!.array!).data), [
        3,
        ...shape,
      ]);
      const taps = [0, 1, 2].map(() => erfTaps(p.sigma, 3));
      const smooth = (await blur({ x: offsets }, { boundary: 'zeros', channels: [taps, taps, taps] }).read()).map(
        (value) => value * p.magnitude,
      );
      const matrix = compose(
        translation(centers),
        compose(
          monaiAffineMatrix({ radians: p.rotate, shear: p.shear, translateVoxels: p.translate, scale: p.scale }),
          translation(centers.map((c) => -c)),
        ),
      );
      const moved = displaced(
        inputVolume(file, 'img', 'intensity', device),
        tensor(device, smooth, [3, ...shape]),
        { ...LINEAR, padding: 'border' },
        matrix,
      );
      expect(
        excess(await moved.voxels.read(), file.array(row.outputs['image']!.array!).data, row).worst,
      ).toBeLessThanOrEqual(0);
    });

    it('keeps what was drawn, moves labels along, and leaves the grid', async () => {
      const device = devices[kind]!;
      const scene: Scene = {
        id: 's',
        images: inputVolume(file, 'img', 'intensity', device),
        labels: inputVolume(file, 'lab', 'labels', device),
      };
      for (const step of [
        elastic({ displacementMm: 2, smoothnessMm: 3 }),
        controlGrid({ maxMm: 4 }),
        gridDistortion(),
      ]) {
        const parameters = JSON.parse(JSON.stringify(await step.sample(scene, new Philox(4)))) as never;
        const [a, b] = [await step.apply(scene, parameters), await step.apply(scene, parameters)];
        expect(await a.images.voxels.read()).toEqual(await b.images.voxels.read());
        expect(distance(await a.images.voxels.read(), await scene.images.voxels.read())).toBeGreaterThan(1);
        expect(a.images.grid).toEqual(scene.images.grid);
        expect(new Set(await a.labels!.voxels.read()).size).toBeLessThanOrEqual(
          new Set(await scene.labels!.voxels.read()).size + 1,
        );
      }
    });
  });
}

describe('bad input', () => {
  it('is refused', async () => {
    const scene: Scene = { id: 's', images: inputVolume(file, 'img', 'intensity', devices['reference']!) };
    expect(() => elastic({ displacementMm: 1, smoothnessMm: 0 }).sample(scene, new Philox(1))).toThrow(/positive/);
  });
});
