import { createWasmDevice, type Device } from '@voxelwise/compute';
import { readVolume } from '@voxelwise/io/node';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from './model/load-model.ts';
import { directoryFolder } from './node/directory-folder.ts';
import { preprocess } from '@voxelwise/transforms';
import { preprocessSettings } from './model/preprocess-settings.ts';
import { openPredictor, type Predictor } from './predict.ts';
import type { PredictOptions } from './predict-options.ts';
import type { OpenStore } from './segmentation/stored-logits.ts';
import { readNpy } from './testing/npy.ts';
import { fromCanonical, toCanonical, type Case, type Grid } from '@voxelwise/volume';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../fixtures/predict/', import.meta.url));
let device: Device;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1 });
});
afterAll(() => device.dispose());

interface Meta {
  readonly configuration: string;
  readonly folds: readonly number[];
  readonly mirroring: boolean;
  readonly tile_step_size: number;
  readonly cases: readonly { readonly case: string }[];
}

/** Golden cases: a model of nnU-Net's own, and what its predictor made of a file. */
const GOLDENS = readdirSync(root).filter((name) => name !== 'inputs' && name !== 'models' && name !== 'README.md');

it('exports what the next stage of a cascade learns from', async () => {
  const model = await loadModel(directoryFolder(`${root}models/Hippo6_cascade_lowres`), { configuration: '3d_lowres' });
  const predictor = openPredictor(model, device);
  const image = await readVolume(`${root}inputs/hippocampus_001_0000.nii.gz`);
  const { case: prepared } = await preprocess(
    { id: 'hippocampus_001', images: { ...image, kind: 'intensity' } },
    preprocessSettings(model.plan),
    device,
  );
  const host = {
    channels: 1,
    shape: prepared.images.grid.shape,
    data: (await prepared.images.voxels.read()) as Float32Array,
  };
  const golden = readNpy(`${root}Hippo6_cascade_lowres/hippocampus_001_predicted_next_stage.npy`);
  const labels = await predictor.nextStage(await predictor.logits(host), golden.shape as never);
  const same = labels.filter((label, k) => label === golden.data[k]).length;
  expect(same / labels.length).toBeGreaterThanOrEqual(0.999);
  predictor.dispose();
});

it('turns images to RAS and segmentations back where the plan names the reader that does', async () => {
  const model = await loadModel(directoryFolder(`${root}models/Hippo6_3d_fullres`), { configuration: '3d_fullres' });
  const turning = { ...model, plan: { ...model.plan, imageReaderWriter: 'NibabelIOWithReorient' } };
  const image = toCanonical({ ...(await readVolume(`${root}inputs/hippocampus_001_0000.nii.gz`)), kind: 'intensity' });
  const [nz, ny, nx] = image.grid.shape;
  // z runs to the left, y down, x to the back.
  const grid: Grid = {
    shape: [nx, nz, ny],
    affine: Float64Array.from([-1, 0, 0, 0, 0, 0, -1, 0, 0, -1, 0, 0, 0, 0, 0, 1]),
  };
  const options = { mirroring: false, probabilities: true };
  const predictor = openPredictor(turning, device);
  const straight = await predictor.predict({ id: 'a', images: image }, options);
  const turned = await predictor.predict({ id: 'a', images: fromCanonical(image, grid) }, options);
  predictor.dispose();
  expect(turned.segmentation.grid).toEqual(grid);
  expect(toCanonical(turned.segmentation).voxels).toEqual(straight.segmentation.voxels);
  expect(toCanonical(turned.probabilities!).voxels).toEqual(straight.probabilities!.voxels);
  expect(straight.segmentation.voxels.some((label) => label === 2)).toBe(true);
});

/** A store whose channels lie apart; `open` counts those that were not closed. */
function openMemory(): { readonly openStore: OpenStore; readonly open: () => number } {
  let open = 0;
  return {
    open: () => open,
    openStore({ channels, voxels }) {
      open++;
      const rows = Array.from({ length: channels }, () => new Float32Array(voxels).fill(NaN));
      return Promise.resolve({
        write: (k, at, values) => Promise.resolve(rows[k]!.set(values, at)),
        read: (k, at, length) => Promise.resolve(rows[k]!.slice(at, at + length)),
        close: () => Promise.resolve(void open--),
      });
    },
  };
}

/** Labels, probabilities and next stages by way of a store have the same bits as by way of memory. */
async function expectSameFromStore(
  predictor: Predictor,
  subject: Case,
  options: Omit<PredictOptions, 'device'>,
): Promise<void> {
  const asked = { ...options, nextStages: [[9, 20, 17] as const] };
  const whole = await predictor.predict(subject, { ...asked, probabilities: true });
  const pieces: number[] = [];
  const { openStore, open } = openMemory();
  const stored = await predictor.predict(subject, {
    ...asked,
    openStore,
    maxLogitBytes: 0,
    writeProbabilities: async ({ pieces: each, channels, grid }) => {
      expect(open()).toBeGreaterThan(0);
      expect([channels, grid]).toEqual([whole.probabilities!.channels, whole.probabilities!.grid]);
      for await (const piece of each()) pieces.push(...(piece as Float32Array));
    },
  });
  expect(open()).toBe(0);
  expect(stored.segmentation).toEqual(whole.segmentation);
  expect(stored.nextStages).toEqual(whole.nextStages);
  expect(Float32Array.from(pieces)).toEqual(whole.probabilities!.voxels);
}

describe.each(GOLDENS)('%s', (name) => {
  const meta = JSON.parse(readFileSync(`${root}${name}/meta.json`, 'utf8')) as Meta;
  const files = readdirSync(root + name);

  it('gives the labels of the reference', async () => {
    const model = await loadModel(directoryFolder(`${root}models/${name}`), {
      configuration: meta.configuration,
      folds: meta.folds,
    });
    const predictor = openPredictor(model, device);
    try {
      for (const { case: id } of meta.cases) {
        const channels = await Promise.all(
          model.plan.channels.map((_, c) => readVolume(`${root}inputs/${id}_${String(c).padStart(4, '0')}.nii.gz`)),
        );
        const first = channels[0]!;
        const size = first.voxels.length;
        const voxels = new Float32Array(size * channels.length);
        channels.forEach((channel, c) => voxels.set(channel.voxels, c * size));
        const images = {
          ...first,
          kind: 'intensity' as const,
          channels: model.plan.channels.map((channel) => channel.name),
          voxels,
        };
        const previous =
          model.plan.previousStage === undefined
            ? {}
            : { previousStage: await readVolume(`${root}Hippo6_cascade_lowres/${id}.nii.gz`) };
        const options = { mirroring: meta.mirroring, stepSize: meta.tile_step_size, probabilities: true, ...previous };
        const { segmentation, probabilities } = await predictor.predict({ id, images }, options);
        // Deciding slab by slab is the same arithmetic.
        const { probabilities: _, ...without } = options;
        const bySlab = await predictor.predict({ id, images }, { ...without, maxLogitBytes: 0 });
        const different = bySlab.segmentation.voxels.filter((label, k) => label !== segmentation.voxels[k]).length;
        expect(different).toBeLessThanOrEqual(segmentation.voxels.length / 20_000);

        const truth = await readVolume(`${root}${name}/${id}.nii.gz`);
        expect(segmentation.grid.shape).toEqual(truth.grid.shape);
        expect([...segmentation.grid.affine]).toEqual([...images.grid.affine]);
        let same = 0;
        segmentation.voxels.forEach((label, k) => label === truth.voxels[k] && same++);
        expect(same / truth.voxels.length).toBeGreaterThanOrEqual(0.999);

        await expectSameFromStore(predictor, { id, images }, { mirroring: false, stepSize: 1, ...previous });

        const golden = files.find((file) => file.startsWith(`${id}_probabilities`));
        if (golden === undefined) continue;
        const expected = readNpy(`${root}${name}/${golden}`).data;
        expect(probabilities!.voxels.length).toBe(expected.length);
        let sum = 0;
        expected.forEach((p, k) => (sum += Math.abs(p - probabilities!.voxels[k]!)));
        expect(sum / expected.length).toBeLessThan(0.005);
      }
    } finally {
      predictor.dispose();
    }
  });
});
