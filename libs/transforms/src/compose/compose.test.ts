/** Composition: chance that stays put, fusion that equals the steps, histories that replay and invert, 48 orientations. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice, createWasmDevice, Philox, tensor, type Device } from '@voxelwise/compute';
import { alignedGrid, type PerAxis } from '@voxelwise/volume';
import { excess, inputVolume, sceneFile } from '../../fixtures/scenes.ts';
import { distance } from '../../fixtures/golden.ts';
import type { Scene } from '../contract/transform.ts';
import { replay } from '../catalogue.ts';
import { gammaCurve, noise, smooth } from '../intensity/curves.ts';
import { intensityRange, shift } from '../intensity/range.ts';
import { affine, monaiAffine, monaiAffineMatrix, rotate } from '../spatial/affine.ts';
import { cropForeground, padOrCrop } from '../spatial/crop-pad.ts';
import { elastic } from '../spatial/elastic.ts';
import { flip, rotate90, transpose } from '../spatial/index-moves.ts';
import { orientation, spacing } from '../spatial/spacing.ts';
import { oneOf, only, run, sequence, someOf } from './sequence.ts';
import { withProbability } from './with-probability.ts';

const file = sceneFile('monai-transforms');
const reference = createReferenceDevice();
let wasm: Device;
beforeAll(async () => {
  wasm = await createWasmDevice({ threads: 1 });
});
afterAll(() => wasm.dispose());

const oblique = (device: Device): Scene => ({
  id: 's',
  images: inputVolume(file, 'img_obl', 'intensity', device),
  labels: inputVolume(file, 'lab_obl', 'labels', device),
});

/** A smooth image on a grid, from a function of the patient's millimetres. */
function smoothScene(device: Device, shape: PerAxis, mm: PerAxis): Scene {
  const grid = alignedGrid(shape, mm);
  const a = grid.affine;
  const data = new Float32Array(shape[0] * shape[1] * shape[2]);
  let v = 0;
  for (let z = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0; x < shape[2]; x++, v++) {
        const [r, p, s] = [0, 4, 8].map((row) => a[row]! * z + a[row + 1]! * y + a[row + 2]! * x + a[row + 3]!) as [
          number,
          number,
          number,
        ];
        data[v] = 100 * Math.exp(-((r - 9) ** 2 + (p - 8) ** 2) / 40 - (s - 10) ** 2 / 60) + 0.5 * r - 0.3 * p;
      }
  return { id: 's', images: { grid, kind: 'intensity', channels: ['0'], voxels: tensor(device, data, [1, ...shape]) } };
}

describe('sequences', () => {
  it('sample placements once, as MONAI does lazily', async () => {
    const row = file.cases.cases.find(({ id }) => id === 'lazy_fused')!;
    for (const device of [reference, wasm]) {
      const steps = sequence(
        spacing({ spacingMm: [1.2, 1.2, 1.8], extent: 'corners' }),
        monaiAffine({ matrix: monaiAffineMatrix({ radians: [0.1, 0.2, -0.15] }), sampling: { padding: 'zeros' } }),
        flip([0]),
      );
      const result = await run(steps, { id: 's', images: oblique(device).images }, new Philox(1));
      const expected = file.array(row.outputs['image']!.array!);
      expect(result.images.voxels.shape).toEqual(expected.shape);
      expect(excess(await result.images.voxels.read(), expected.data, row).worst).toBeLessThanOrEqual(0);
      expect(
        excess(result.images.grid.affine, (row.outputs['affine']!.value as number[][]).flat(), {
          atol: 1e-4,
          rtol: 1e-5,
        }).worst,
      ).toBeLessThanOrEqual(0);
    }
  });

  it('give each volume its own interpolation, and index moves for flips and turns', async () => {
    const steps = sequence(
      flip([0, 2]),
      rotate90({ turns: 1, axes: [0, 1] }),
      transpose([2, 0, 1]),
      orientation('RAS'),
      orientation('ARI'),
    );
    const scene = oblique(reference);
    const there = await run(steps, scene, new Philox(1));
    const sorted = (values: ArrayLike<number>): number[] => Array.from(values).sort((a, b) => a - b);
    expect(sorted(await there.images.voxels.read())).toEqual(sorted(await scene.images.voxels.read()));
    const mixed = await run(
      sequence(spacing({ spacingMm: [1.3, 0.9, 1.4] }), rotate({ degrees: [10, -20, 5] })),
      scene,
      new Philox(1),
    );
    const before = new Set(await scene.labels!.voxels.read());
    for (const label of await mixed.labels!.voxels.read()) expect(before.has(label)).toBe(true);
  });

  it('invert: orientation, spacing, crops, turns', async () => {
    const scene = smoothScene(reference, [20, 18, 22], [1, 1, 1]);
    const steps = sequence(
      orientation('RAS'),
      spacing({ spacingMm: [0.8, 0.8, 0.8] }),
      padOrCrop([26, 28, 24]),
      flip([1]),
      rotate({ degrees: [0, 8, 0] }),
      intensityRange({ from: [0, 100] }),
    );
    const parameters = JSON.parse(JSON.stringify(await steps.sample(scene, new Philox(2)))) as unknown[];
    const there = await steps.apply(scene, parameters);
    const back = steps.invert!(there.images, parameters);
    expect(back.grid.shape).toEqual(scene.images.grid.shape);
    expect(distance(back.grid.affine, scene.images.grid.affine)).toBeLessThan(1e-9);
    const [a, b] = [await back.voxels.read(), await scene.images.voxels.read()];
    // The middle of the image comes back, rescaled by the intensity step that stays.
    for (const v of [10 * 18 * 22 + 9 * 22 + 11, 11 * 18 * 22 + 8 * 22 + 9])
      expect(Math.abs(a[v]! * 100 - b[v]!)).toBeLessThan(3);
    await expect(async () =>
      sequence(elastic({ displacementMm: 1, smoothnessMm: 3 })).invert!(scene.images, [{}]),
    ).rejects.toThrow(/cannot be undone/);
  });

  it('replay bit for bit from their history, on their device', async () => {
    const steps = sequence(
      cropForeground({ above: -50, margin: 2 }),
      withProbability(
        0.7,
        affine({
          degrees: [
            [-20, 20],
            [-20, 20],
            [-20, 20],
          ],
          scale: [0.8, 1.2],
        }),
      ),
      oneOf([gammaCurve({ exponent: [0.7, 1.4], retain: true }), smooth({ sigmaMm: [0.5, 2] })], [1, 2]),
      someOf([noise({ deviation: [1, 4] }), shift([-5, 5]), flip([1])], [1, 3]),
      elastic({ displacementMm: [0.5, 1], smoothnessMm: 4 }),
    );
    for (const device of [reference, wasm])
      for (let seed = 0; seed < 6; seed++) {
        const done = await run(steps, oblique(device), new Philox(seed));
        const again = await replay(
          oblique(device),
          JSON.parse(JSON.stringify(done.history)) as NonNullable<Scene['history']>,
        );
        expect(again.images.grid.shape).toEqual(done.images.grid.shape);
        expect(await again.images.voxels.read()).toEqual(await done.images.voxels.read());
        expect(await again.labels!.voxels.read()).toEqual(await done.labels!.voxels.read());
        expect((await run(steps, oblique(device), new Philox(seed))).history).toEqual(done.history);
      }
    await expect(replay(oblique(reference), [{ name: 'nonsense', parameters: {} }])).rejects.toThrow(/known are/);
  });

  it('act on chosen volumes only', async () => {
    const scene = oblique(reference);
    const extra = { ...scene, volumes: { t2: scene.images } };
    const done = await run(only(['t2'], shift(5)), extra, new Philox(1));
    const before = await scene.images.voxels.read();
    expect(await done.images.voxels.read()).toEqual(before);
    expect(
      distance(
        await done.volumes!['t2']!.voxels.read(),
        before.map((value) => value + 5),
      ),
    ).toBeLessThan(1e-4);
    await expect(run(only(['pet'], shift(5)), extra, new Philox(1))).rejects.toThrow(
      /has no volume 'pet'; it has images, labels, t2/,
    );
  });

  it('refuse what cannot be', () => {
    expect(() => oneOf([])).toThrow(/at least one/);
    expect(() => someOf([flip([0])], [1, 2])).toThrow(/least/);
    expect(() => withProbability(1.5, flip([0]))).toThrow(/between 0 and 1/);
  });
});
