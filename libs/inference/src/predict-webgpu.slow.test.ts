/** A case in, a segmentation out, wholly on the WebGPU device: the labels that nnU-Net's own predictor gave. */
import { expect, it } from 'vitest';
import { readVolume } from '@voxelwise/io/node';
import { fileURLToPath } from 'node:url';
import { gpuForTests, webGpuForTests } from '../../compute/src/testing/gpu-for-tests.ts';
import { loadModel } from './model/load-model.ts';
import { directoryFolder } from './node/directory-folder.ts';
import { openPredictor } from './predict.ts';

const root = fileURLToPath(new URL('../fixtures/predict/', import.meta.url));
const gpu = await gpuForTests();

it.skipIf(gpu === undefined)(
  `predicts on WebGPU, and again where the GPU was lost on the way${gpu ? '' : ' (skipped: no adapter)'}`,
  { timeout: 300_000 },
  async () => {
    const device = await webGpuForTests();
    const model = await loadModel(directoryFolder(`${root}models/SynthCT_2d`), { configuration: '2d' });
    const opened = [device];
    let isDestroyed = false;
    const predictor = openPredictor(model, device, {
      reopen: async () => {
        opened.push(await webGpuForTests());
        return opened.at(-1)!;
      },
    });
    const image = await readVolume(`${root}inputs/case_01_0000.nii.gz`);
    const golden = await readVolume(`${root}SynthCT_2d/case_01.nii.gz`);
    const { segmentation } = await predictor.predict(
      { id: 'a', images: { ...image, kind: 'intensity' } },
      {
        mirroring: false,
        // The GPU goes away on the way, once.
        onProgress: (done, total) => {
          if (isDestroyed || done < total / 2) return;
          isDestroyed = true;
          (device as unknown as { backend: { gpu: GPUDevice } }).backend.gpu.destroy();
        },
      },
    );
    predictor.dispose();
    for (const one of opened) one.dispose();
    expect(opened).toHaveLength(2);
    const same = segmentation.voxels.filter((label, v) => label === golden.voxels[v]).length;
    expect(new Set(golden.voxels).size).toBe(3);
    expect(same / golden.voxels.length).toBeGreaterThan(0.999);
  },
);
