/** Spatial transforms against TorchIO's goldens, in the modes that give its values. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice, createWasmDevice, Philox, type Device } from '@voxelwise/compute';
import { excess, inputVolume, sceneFile, type GoldenCase } from '../../fixtures/scenes.ts';
import type { Scene, Transform } from '../contract/transform.ts';
import { zScore } from '../intensity/range.ts';
import { torchioAffine } from './affine.ts';
import { anisotropy } from './anisotropy.ts';
import { borderPad, torchioCropOrPad } from './crop-pad.ts';
import { controlGridApplication } from './elastic.ts';
import { flip } from './index-moves.ts';
import { LINEAR } from './move.ts';
import { resize } from './resize.ts';
import { spacing } from './spacing.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters of many shapes, straight from JSON */
type Any = any;
const file = sceneFile('monai-torchio');
const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 1 });
});
afterAll(() => devices['wasm']?.dispose());

const multiples = (shape: readonly number[], k: number, up: boolean): number[] =>
  shape.map((n) => (up ? Math.ceil(n / k) : Math.floor(n / k)) * k);
const outside = (p: Any): Any =>
  typeof p.padding_mode === 'string' ? { boundary: p.padding_mode } : { fill: p.padding_mode ?? 0 };

const transforms: Record<string, (p: Any, scene: Scene, row: GoldenCase) => Transform<Any> | Promise<Transform<Any>>> =
  {
    CropOrPad: (p) => torchioCropOrPad(p.target_shape),
    EnsureShapeMultiple: (p, { images }) =>
      torchioCropOrPad(multiples(images.grid.shape, p.target_multiple, p.method === 'pad')),
    Pad: (p) => borderPad(p.padding, outside(p)),
    Crop: (p) => borderPad(p.cropping.map((n: number) => -n)),
    Flip: (p) => flip(p.axes),
    Resample: (p) => spacing({ spacingMm: [p.target].flat(), rounding: 'down', sampling: { padding: 'halfVoxel' } }),
    Resize: (p) => resize({ shape: p.target_shape, mode: 'linear' }),
    RandomAnisotropy: (p) => anisotropy({ axis: p.axes, factor: p.downsampling }),
    Affine: async (p, { images }) => {
      const voxels = await images.voxels.read();
      const pad = p.default_pad_value ?? 'minimum';
      const fill =
        pad === 'minimum'
          ? voxels.reduce((a, b) => Math.min(a, b))
          : pad === 'mean'
            ? borderMean(voxels, images.grid.shape)
            : pad;
      return torchioAffine({
        scales: p.scales,
        degrees: p.degrees,
        translationMm: p.translation,
        sampling: { padding: 'halfVoxel', fill },
      });
    },
    ElasticDeformation: (p, _scene, row) => {
      const points = file.array((row.inputs['control_points'] as Any).array);
      return {
        ...controlGridApplication,
        sample: () => ({
          controlPoints: [...points.data],
          controlShape: p.control_points_shape,
          axes: 'array',
          sampling: { ...LINEAR, padding: 'halfVoxel' },
        }),
      };
    },
    ZNormalization: (p) => zScore({ sample: true, aboveMean: p.masking !== undefined }),
  };

const rows = file.cases.cases.filter(({ op }) => op in transforms);

function borderMean(voxels: ArrayLike<number>, [nz, ny, nx]: readonly number[]): number {
  let [sum, count] = [0, 0];
  const add = (z: number, y: number, x: number): void => {
    sum += voxels[(z * ny! + y) * nx! + x]!;
    count++;
  };
  for (const z of [0, nz! - 1]) for (let y = 0; y < ny!; y++) for (let x = 0; x < nx!; x++) add(z, y, x);
  for (const y of [0, ny! - 1]) for (let z = 0; z < nz!; z++) for (let x = 0; x < nx!; x++) add(z, y, x);
  for (const x of [0, nx! - 1]) for (let z = 0; z < nz!; z++) for (let y = 0; y < ny!; y++) add(z, y, x);
  return sum / count;
}

for (const kind of ['reference', 'wasm']) {
  describe(`TorchIO's spatial transforms on ${kind}`, () => {
    it.each(rows.map((row) => [row.id, row] as const))('%s', async (_id, row) => {
      const labels = row.inputs['label']
        ? { labels: inputVolume(file, row.inputs['label'] as string, 'labels', devices[kind]!) }
        : {};
      const images = inputVolume(file, row.inputs['image'] as string, 'intensity', devices[kind]!);
      const scene: Scene = { id: row.id, images, ...labels };
      const transform = await transforms[row.op]!(row.params, scene, row);
      const parameters = JSON.parse(JSON.stringify(await transform.sample(scene, new Philox(1)))) as Any;
      const result = await transform.apply(scene, parameters);
      const expected = file.array(row.outputs['image']!.array!);
      expect(result.images.voxels.shape).toEqual(expected.shape);
      const { worst } = excess(await result.images.voxels.read(), expected.data, row);
      expect(worst).toBeLessThanOrEqual(0);
      if (row.outputs['label'] && row.inputs['label'] === row.inputs['image']?.toString().replace('img', 'lab')) {
        const truth = file.array(row.outputs['label'].array!);
        expect(excess(await result.labels!.voxels.read(), truth.data, { atol: 0, rtol: 0 }).share).toBeLessThanOrEqual(
          0.005,
        );
      }
      const affine = row.outputs['affine']?.value as number[][] | undefined;
      // TorchIO mirrors content on a grid that stays; ours says where the voxels now are.
      if (affine && row.op !== 'Flip')
        expect(excess(result.images.grid.affine, affine.flat(), { atol: 2e-4, rtol: 1e-5 }).worst).toBeLessThanOrEqual(
          0,
        );
    });
  });
}
