/** A nnU-Net user's script, word for word, on two channels and overlapping regions: convert, plan, train, choose, predict, hand on. */
import { readVolume, writeVolume } from '@voxelwise/io/node';
import type { Volume } from '@voxelwise/volume';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { runLine, temporaryFolder, type Document } from '../testing/command-line.ts';

const work = temporaryFolder();
afterAll(work.remove);
const environment = Object.fromEntries(
  ['raw', 'preprocessed', 'results'].map((name) => [`nnUNet_${name}`, work.at(name)]),
);
const run = (line: string): Promise<Document> => runLine(line.split(' '), environment);
const refused = (line: string): Promise<[number, string]> =>
  run(line).then(
    () => [0, ''],
    (error: Error) => [exitCodeOf(error), error.message],
  );
const json = (...parts: string[]): Document => JSON.parse(readFileSync(work.at(...parts), 'utf8'));
const model = 'results/Dataset099_Mini/nnUNetTrainer_1epoch__nnUNetPlans__3d_fullres';
const SIZE = 16;

beforeAll(async () => {
  const grid = {
    shape: [SIZE, SIZE, SIZE] as const,
    affine: Float64Array.of(0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1),
  };
  const voxels = SIZE ** 3;
  for (let k = 0; k < 5; k++) {
    const radius = Float64Array.from({ length: voxels }, (_, v) =>
      Math.hypot((v % SIZE) - 8, (Math.floor(v / SIZE) % SIZE) - 7 - (k % 2), Math.floor(v / SIZE ** 2) - 8),
    );
    const labels = Uint8Array.from(radius, (r) => (r < 3 ? 2 : r < 6 ? 1 : 0));
    const noise = (v: number, seed: number): number => Math.sin(v * 12.9898 + seed) * 0.3;
    const image = Float32Array.from({ length: 2 * voxels }, (_, i) =>
      i < voxels ? 2 + labels[i]! + noise(i, k) : 5 - labels[i - voxels]! + noise(i, k + 9),
    );
    const write = (folder: string, volume: Omit<Volume, 'grid'>): Promise<void> =>
      writeVolume(work.at('Task99_Mini', folder, `mini_${k}.nii.gz`), { grid, ...volume } as Volume);
    await write('imagesTr', { kind: 'intensity', channels: ['FLAIR', 'T1gd'], voxels: image });
    await write('labelsTr', { kind: 'labels', channels: ['labels'], voxels: labels });
  }
  const description = {
    modality: { 0: 'FLAIR', 1: 'T1gd' },
    labels: { 0: 'background', 1: 'edema', 2: 'core' },
    numTraining: 5,
    training: Array.from({ length: 5 }, (_, k) => ({
      image: `./imagesTr/mini_${k}.nii.gz`,
      label: `./labelsTr/mini_${k}.nii.gz`,
    })),
    test: [],
  };
  writeFileSync(work.at('Task99_Mini/dataset.json'), JSON.stringify(description));

  await run(`nnUNetv2_convert_MSD_dataset -i ${work.at('Task99_Mini')} -np 4`);
  const path = work.at('raw/Dataset099_Mini/dataset.json');
  const converted = JSON.parse(readFileSync(path, 'utf8'));
  const regions = { labels: { background: 0, whole: [1, 2], core: [2] }, regions_class_order: [1, 2] };
  writeFileSync(path, JSON.stringify({ ...converted, ...regions }));
  await run('nnUNetv2_plan_and_preprocess -d 99 --verify_dataset --clean -npfp=2 --no_pp');
  const plans = work.at('preprocessed/Dataset099_Mini/nnUNetPlans.json');
  const planned = JSON.parse(readFileSync(plans, 'utf8'));
  const { '3d_fullres': fullres } = planned.configurations;
  fullres.architecture.arch_kwargs.features_per_stage = fullres.architecture.arch_kwargs.features_per_stage.map(
    () => 4,
  );
  fullres.voxelwise = { training: { steps: 4, stepsPerEpoch: 4, validationSteps: 1 } };
  writeFileSync(plans, JSON.stringify({ ...planned, configurations: { '3d_fullres': fullres } }));
  await run('nnUNetv2_preprocess -d 99 -plans_name nnUNetPlans -c 3d_lowres 3d_fullres -np 2');
  await run('nnUNetv2_train 99 3d_fullres 0 -tr nnUNetTrainer_1epoch -p nnUNetPlans --npz -num_gpus 2 -device cpu');
}, 120_000);

describe('the commands of nnU-Net', { timeout: 60_000 }, () => {
  it('split channels into files and keep both regions', () => {
    expect(readdirSync(work.at('raw/Dataset099_Mini/imagesTr')).slice(0, 2)).toEqual([
      'mini_0_0000.nii.gz',
      'mini_0_0001.nii.gz',
    ]);
    const summary = json(model, 'fold_0/validation/summary.json');
    expect(Object.keys(summary.mean)).toEqual(['(1, 2)', '(2,)']);
    expect(readdirSync(work.at(model, 'fold_0/validation')).filter((name) => name.endsWith('.npz'))).toHaveLength(1);
  });

  it('plan from a fingerprint and the description of a Decathlon task alone', async () => {
    const [fingerprint, description] = ['preprocessed/Dataset099_Mini/dataset_fingerprint', 'Task99_Mini/dataset'];
    const files = `--fingerprint ${work.at(`${fingerprint}.json`)} --dataset-json ${work.at(`${description}.json`)}`;
    const { configurations } = await run(`plan ${files} --out ${work.at('alone.json')}`);
    expect(configurations['3d_fullres'].patch_size).toEqual([SIZE, SIZE, SIZE]);
    expect(await refused('nnUNetv2_plan_and_preprocess -d 99 --no_')).toEqual([
      2,
      expect.stringContaining('does not know --no_;'),
    ]);
  });

  it('draw the cases, raw and preprocessed', async () => {
    const size = (file: string): number[] => {
      const { width, height } = PNG.sync.read(readFileSync(file));
      return [height, width];
    };
    const draw = (out: string, more: string): Promise<Document> =>
      run(`nnUNetv2_plot_overlay_pngs -d 99 -o ${work.at(out)} ${more}`);
    const { pictures } = await draw('raw-pictures', '--use_raw -channel_idx 1 -overlay_intensity 0.4 -np 2');
    expect(pictures).toHaveLength(5);
    expect(size(pictures[0])).toEqual([SIZE, SIZE]);
    const prepared = await draw('pictures', '-p nnUNetPlans -c 3d_fullres');
    expect(size(prepared.pictures[4])).toEqual([SIZE, SIZE]);
    expect((await refused(`nnUNetv2_plot_overlay_pngs -d 99 -o ${work.at('x')} -channel_idx 2`))[0]).toBe(2);
  });

  it('convert a task of the first version', async () => {
    const old = work.at('Task027_Old');
    for (const folder of ['imagesTr', 'labelsTr'])
      cpSync(work.at('raw/Dataset099_Mini', folder), join(old, folder), { recursive: true });
    cpSync(work.at('Task99_Mini/dataset.json'), join(old, 'dataset.json'));
    await run(`nnUNetv2_convert_old_nnUNet_dataset ${old} Dataset027_New`);
    expect(readdirSync(work.at('raw/Dataset027_New/imagesTr'))).toHaveLength(10);
    expect(json('raw/Dataset027_New/dataset.json').channel_names).toEqual({ 0: 'FLAIR', 1: 'T1gd' });
    expect((await refused(`nnUNetv2_convert_old_nnUNet_dataset ${old} New`))[0]).toBe(2);
  });

  it('go on, validate again, validate the best weights, and refuse to validate nothing', async () => {
    const line = 'nnUNetv2_train 99 3d_fullres 0 -tr nnUNetTrainer_1epoch';
    expect(await run(`${line} --c`)).toMatchObject({ epochs: 1 });
    rmSync(work.at(model, 'fold_0/validation'), { recursive: true });
    const again = await run(`${line} --val --npz`);
    expect(again).not.toHaveProperty('epochs');
    expect(again.checkpoint).toMatch(/checkpoint_final\.safetensors$/);
    expect(existsSync(work.at(model, 'fold_0/validation/summary.json'))).toBe(true);
    expect((await run(`${line} --val --val_best --npz`)).checkpoint).toMatch(/checkpoint_best\.safetensors$/);
    expect(await refused('nnUNetv2_train 99 3d_fullres 1 -tr nnUNetTrainer_1epoch --val')).toEqual([
      3,
      expect.stringContaining('fold_1/checkpoint_final.safetensors: there is no such checkpoint'),
    ]);
    expect((await refused(`${line} --c --val`))[0]).toBe(2);
    expect((await refused(`${line} -num_gpus none`))[0]).toBe(2);
  });

  it('validate the preprocessed cases alone as they do the images, and say what is missing', async () => {
    const line = 'nnUNetv2_train 99 3d_fullres 0 -tr nnUNetTrainer_1epoch --val --npz';
    const validation = (name: string): string => work.at(model, 'fold_0/validation', name);
    const before = await run(line);
    const found = readdirSync(validation('.')).find((name) => name.endsWith('.nii.gz'))!;
    const both = async (): Promise<unknown[]> => [
      await readVolume(validation(found), { kind: 'labels' }),
      readFileSync(validation(found.replace('.nii.gz', '.npz'))),
    ];
    const images = await both();
    rmSync(work.at(model, 'fold_0/validation'), { recursive: true });
    renameSync(work.at('raw'), work.at('raw-elsewhere'));
    try {
      expect((await run(line)).meanValidationDice).toBe(before.meanValidationDice);
      expect(await both()).toEqual(images);
      expect((await refused('nnUNetv2_preprocess -d 99'))[1]).toMatch(/raw images are not in/);
      const ground = work.at('preprocessed/Dataset099_Mini/gt_segmentations');
      cpSync(join(ground, 'mini_0.nii.gz'), join(ground, 'other.nii.gz'));
      expect((await refused(line))[1]).toMatch(/holds no preprocessed other \(\.b2nd or \.npz/);
      rmSync(join(ground, 'other.nii.gz'));
    } finally {
      renameSync(work.at('raw-elsewhere'), work.at('raw'));
    }
  });

  it('prepare anew what was changed since, and nothing else', async () => {
    const folder = work.at('preprocessed/Dataset099_Mini/nnUNetPlans_3d_fullres');
    const prepared = join(folder, readdirSync(folder)[0]!);
    const written = (): number[] => [0, 1].map((k) => statSync(join(prepared, `mini_${k}.safetensors`)).mtimeMs);
    const before = written();
    const label = work.at('raw/Dataset099_Mini/labelsTr/mini_1.nii.gz');
    const old = await readVolume(label, { kind: 'labels' });
    await writeVolume(label, { ...old, voxels: old.voxels.map((v) => (v === 2 ? 1 : v)) } as Volume);
    await run('nnUNetv2_preprocess -d 99 -c 3d_fullres');
    const after = written();
    expect([after[0] === before[0], after[1]! > before[1]!]).toEqual([true, true]);
    const kept = await readVolume(work.at('preprocessed/Dataset099_Mini/gt_segmentations/mini_1.nii.gz'));
    expect(kept.voxels).not.toContain(2);
    await writeVolume(label, old);
  });

  it('leave no checkpoint where none is wanted', async () => {
    const done = await run('nnUNetv2_train 99 3d_fullres 1 -tr nnUNetTrainer_1epoch --disable_checkpointing --npz');
    expect(done).toMatchObject({ epochs: 1, checkpoint: null });
    const files = readdirSync(work.at(model, 'fold_1'));
    expect(files).toContain('validation');
    expect(files.filter((name) => name.startsWith('checkpoint'))).toEqual([]);
  });

  it('start from pretrained weights', async () => {
    const weights = work.at('pretrained.pth');
    await run(`export --model ${work.at(model)} --to pth --folds 0 --out ${weights}`);
    const tuned = await run(
      `nnUNetv2_train 99 3d_fullres 0 -tr nnUNetTrainer_1epoch_NoMirroring -pretrained_weights ${weights} --use_compressed`,
    );
    expect(tuned.pretrained.loaded.length).toBeGreaterThan(10);
    expect(tuned.pretrained.reinitialized.every((name: string) => name.includes('.head.'))).toBe(true);
  });

  it('predict with every flag, in parts, and merge', async () => {
    const predict = (out: string, more: string): Promise<Document> =>
      run(
        `nnUNetv2_predict -i ${work.at('raw/Dataset099_Mini/imagesTr')} -o ${work.at(out)} -d 99 -p nnUNetPlans -tr nnUNetTrainer_1epoch -c 3d_fullres -f 0 -npp 1 -nps 1 --verbose --disable_progress_bar -device cpu ${more}`,
      );
    const first = await predict('a', '-step_size 0.7 --disable_tta --save_probabilities -num_parts 2 -part_id 0');
    expect(first.cases).toHaveLength(3);
    const second = await predict('a', '-step_size 0.7 --disable_tta --save_probabilities -num_parts 2 -part_id 1');
    expect(second.cases).toHaveLength(2);
    await predict('b', '-chk checkpoint_best.pth --continue_prediction --save_probabilities --not_on_device');
    await run(`nnUNetv2_ensemble -i ${work.at('a')} ${work.at('b')} -o ${work.at('merged')} -np 2 --save_npz`);
    const merged = await readVolume(work.at('merged/mini_0.nii.gz'), { kind: 'labels' });
    expect(merged.grid.shape).toEqual([SIZE, SIZE, SIZE]);
    const files = `-djfile ${work.at('raw/Dataset099_Mini/dataset.json')} -pfile ${work.at('merged/plans.json')}`;
    const references = work.at('raw/Dataset099_Mini/labelsTr');
    const scores = await run(`nnUNetv2_evaluate_folder ${references} ${work.at('merged')} ${files} -np 2`);
    expect(Object.keys(scores.perClass)).toEqual(['(1, 2)', '(2,)']);
    const simple = await run(
      `nnUNetv2_evaluate_simple ${references} ${work.at('merged')} -l 1 2 -o ${work.at('s.json')}`,
    );
    expect(Object.keys(simple.perClass)).toEqual(['1', '2']);
    await run(
      `nnUNetv2_determine_postprocessing -i ${work.at('merged')} -ref ${references} -plans_json ${work.at('merged/plans.json')} -dataset_json ${work.at('raw/Dataset099_Mini/dataset.json')} -np 2 --remove_postprocessed`,
    );
    await run(
      `nnUNetv2_apply_postprocessing -i ${work.at('merged')} -o ${work.at('final')} -pp_pkl_file ${work.at('merged/postprocessing.pkl')} -np 2 -plans_json ${work.at('merged/plans.json')} -dataset_json ${work.at('raw/Dataset099_Mini/dataset.json')}`,
    );
    expect(readdirSync(work.at('final')).filter((name) => name.endsWith('.nii.gz'))).toHaveLength(5);
  });

  it('choose, gather folds, pack a zip and install it elsewhere', async () => {
    const gathered = await run('nnUNetv2_accumulate_crossval_results 99 -c 3d_fullres -f 0 -tr nnUNetTrainer_1epoch');
    expect(gathered.cases).toBe(1);
    await run(
      'nnUNetv2_find_best_configuration 99 -c 3d_fullres -tr nnUNetTrainer_1epoch -f 0 --disable_ensembling -np 2',
    );
    expect(json('results/Dataset099_Mini/inference_information.json').folds).toEqual([0]);
    const zip = work.at('model.zip');
    await run(
      `nnUNetv2_export_model_to_zip -d 99 -o ${zip} -c 3d_fullres -tr nnUNetTrainer_1epoch -f 0 -chk checkpoint_final.pth --exp_cv_preds`,
    );
    mkdirSync(work.at('elsewhere'));
    renameSync(work.at('results'), work.at('elsewhere/before'));
    await run(`nnUNetv2_install_pretrained_model_from_zip ${zip}`);
    expect(existsSync(work.at(model, 'fold_0/checkpoint_final.pth'))).toBe(true);
    await run(
      `nnUNetv2_predict_from_modelfolder -i ${work.at('raw/Dataset099_Mini/imagesTr')} -o ${work.at('installed')} -m ${work.at(model)} -f 0 -step_size 0.7 --disable_tta`,
    );
    const [there, here] = await Promise.all(
      ['a', 'installed'].map((folder) => readVolume(work.at(folder, 'mini_3.nii.gz'), { kind: 'labels' })),
    );
    expect(here!.voxels).toEqual(there!.voxels);
    expect((await run(`nnUNetv2_train 99 3d_fullres 0 -tr nnUNetTrainer_1epoch --val --npz`)).checkpoint).toMatch(
      /\.pth$/,
    );
  });
});
