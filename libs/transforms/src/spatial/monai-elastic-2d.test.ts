/** MONAI's elastic deformation of slices, against its golden. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, createWasmDevice, Philox } from '@voxelwise/compute';
import { distance } from '../../fixtures/golden.ts';
import { excess, inputVolume, sceneFile } from '../../fixtures/scenes.ts';
import { run } from '../compose/sequence.ts';
import type { Scene } from '../contract/transform.ts';
import { monaiAffineMatrix } from './affine.ts';
import { monaiElastic2d, monaiElastic2dApplication } from './monai-elastic-2d.ts';
import { LINEAR } from './move.ts';

const file = sceneFile('monai-transforms');
const row = file.cases.cases.find(({ id }) => id === 'rand2delastic_fixed')!;
const p = row.params as unknown as { spacing: number[]; magnitude: number; rotate: number[] };
const reference = createReferenceDevice();

describe("MONAI's elastic deformation of slices", () => {
  it('gives its golden', async () => {
    const wasm = await createWasmDevice({ threads: 1 });
    for (const device of [reference, wasm]) {
      const images = inputVolume(file, 'img2d', 'intensity', device);
      const result = await monaiElastic2dApplication.apply(
        { id: 's', images },
        {
          spacing: p.spacing,
          magnitude: p.magnitude,
          offsets: [...file.array(row.outputs['random_offset_input']!.array!).data],
          matrix: monaiAffineMatrix({ radians: [p.rotate[0]!, 0, 0] }),
          sampling: { ...LINEAR, padding: 'border' },
        },
      );
      const expected = file.array(row.outputs['image']!.array!).data;
      expect(excess(await result.images.voxels.read(), expected, row).worst).toBeLessThanOrEqual(0);
      expect(result.images.grid).toEqual(images.grid);
    }
    wasm.dispose();
  });
  it('draws from its stream, the same for the same record', async () => {
    const scene: Scene = { id: 's', images: inputVolume(file, 'img2d', 'intensity', reference) };
    const step = monaiElastic2d({ spacing: [5, 5], magnitude: [1, 2], rotate: [-0.2, 0.2], scale: [[-0.1, 0.1], 0] });
    const drawn = JSON.parse(JSON.stringify(await step.sample(scene, new Philox(5)))) as never;
    const [a, b] = [await step.apply(scene, drawn), await step.apply(scene, drawn)];
    expect(await a.images.voxels.read()).toEqual(await b.images.voxels.read());
    expect(distance(await a.images.voxels.read(), await scene.images.voxels.read())).toBeGreaterThan(0.1);
  });
  it('refuses what cannot be', async () => {
    const volume: Scene = { id: 'v', images: inputVolume(file, 'img', 'intensity', reference) };
    expect(() => monaiElastic2d({ spacing: [0, 5], magnitude: 1 })).toThrow(/positive whole/);
    await expect(run(monaiElastic2d({ spacing: [5, 5], magnitude: 1 }), volume, new Philox(1))).rejects.toThrow(
      /one slice/,
    );
  });
});
