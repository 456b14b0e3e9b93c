/** Every golden of TorchIO 2 (alpha). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice, createWasmDevice, Philox, type Device } from '@voxelwise/compute';
import { excess, inputVolume, sceneFile, type GoldenCase } from '../../fixtures/scenes.ts';
import type { Scene, Transform } from '../contract/transform.ts';
import { torchio2Motion } from '../intensity/torchio-2-motion.ts';
import { spacing } from './spacing.ts';
import { torchio2Affine, torchio2Anisotropy, torchio2ControlGrid } from './torchio-2.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters of many shapes, straight from JSON */
type Any = any;
const file = sceneFile('monai-torchio_v2');
const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 1 });
});
afterAll(() => devices['wasm']?.dispose());
const low = (ranges: number[]): number[] => ranges.filter((_, k) => k % 2 === 0);

const transforms: Record<string, (p: Any, row: GoldenCase) => Transform<Any>> = {
  Motion: (p) => torchio2Motion(p.transforms),
  Affine: (p) => torchio2Affine({ scales: low(p.scales), degrees: low(p.degrees), translationMm: low(p.translation) }),
  Anisotropy: (p) => torchio2Anisotropy(p.axes[0], p.downsampling),
  Resample: (p) => spacing({ spacingMm: p.target, rounding: 'down', sampling: { padding: 'zeros' } }),
  ElasticDeformation: (p, row) =>
    torchio2ControlGrid(
      [...file.array((row.inputs['control_points'] as Any).array).data],
      p.control_points_shape.slice(0, 3),
    ),
};

for (const kind of ['reference', 'wasm'])
  describe(`TorchIO 2 on ${kind}`, () => {
    const rows = file.cases.cases;
    it('is covered', () => expect(rows.map(({ op }) => op).filter((op) => !(op in transforms))).toEqual([]));
    it.each(rows.map((row) => [row.id, row] as const))('%s', async (_id, row) => {
      const device = devices[kind]!;
      const scene: Scene = {
        id: row.id,
        images: inputVolume(file, row.inputs['image'] as string, 'intensity', device),
        ...(row.inputs['label']
          ? {
              labels: {
                ...inputVolume(file, 'lab', 'labels', device),
                grid: inputVolume(file, row.inputs['image'] as string, 'intensity', device).grid,
              },
            }
          : {}),
      };
      const transform = transforms[row.op]!(row.params, row);
      const parameters = JSON.parse(JSON.stringify(await transform.sample(scene, new Philox(1)))) as Any;
      const result = await transform.apply(scene, parameters);
      const expected = file.array(row.outputs['image']!.array!);
      expect(result.images.voxels.shape).toEqual(expected.shape);
      expect(excess(await result.images.voxels.read(), expected.data, row).worst).toBeLessThanOrEqual(0);
      if (row.outputs['label'])
        expect(
          excess(await result.labels!.voxels.read(), file.array(row.outputs['label'].array!).data, { atol: 0, rtol: 0 })
            .share,
        ).toBeLessThanOrEqual(0.005);
      if (row.outputs['affine'])
        expect(
          excess(result.images.grid.affine, (row.outputs['affine'].value as number[][]).flat(), {
            atol: 2e-4,
            rtol: 1e-5,
          }).worst,
        ).toBeLessThanOrEqual(0);
    });
  });

describe('bad input', () => {
  it('is refused', () => {
    expect(() => torchio2Affine({ scales: [1, 0, 1] })).toThrow(/positive/);
    expect(() => torchio2Anisotropy(0, 0.5)).toThrow(/at least 1/);
  });
});
