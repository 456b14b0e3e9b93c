/** Training as users change it: stock trainers, files of their own, somebody's weights, more epochs. */
import { decodeSafetensors } from '@voxelwise/io';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { runLine, temporaryFolder, type Document } from '../testing/command-line.ts';

const root = join(import.meta.dirname, '../../../..');
const data = join(root, 'examples/data/hippocampus');
const work = temporaryFolder();
afterAll(work.remove);

const splits = work.at('splits.json');
const fold = (trainer: string): string =>
  work.at('results/Dataset000_Hippocampus', `${trainer}__nnUNetPlans__3d_fullres`, 'fold_0');
const train = (...words: string[]): Promise<Document> =>
  runLine([
    'train',
    data,
    '3d_fullres',
    '0',
    '--steps-per-epoch',
    '2',
    '--splits',
    splits,
    '--workspace',
    work.path,
    ...words,
  ]);
const plansOf = (trainer: string): Document =>
  JSON.parse(readFileSync(join(fold(trainer), '..', 'plans.json'), 'utf8')).configurations['3d_fullres'];
const weightsOf = (trainer: string): ReadonlyMap<string, Float32Array> => {
  const { tensors } = decodeSafetensors(readFileSync(join(fold(trainer), 'checkpoint_final.safetensors')), trainer);
  return new Map(Array.from(tensors, ([name, { data: numbers }]) => [name, numbers as Float32Array]));
};

beforeAll(async () => {
  const ids = ['004', '006', '007', '008'].map((n) => `hippocampus_${n}`);
  writeFileSync(splits, JSON.stringify([{ train: ids.slice(0, 3), val: ids.slice(3) }]));
  const small = [
    'patch_size=[16,16,16]',
    'batch_size=2',
    'architecture.arch_kwargs.features_per_stage=[4,8,8,8]',
    'voxelwise={"training":{"validationSteps":1}}',
  ];
  await runLine([
    'plan',
    data,
    '--workspace',
    work.path,
    ...small.flatMap((edit) => ['--set', `configurations.3d_fullres.${edit}`]),
  ]);
});

describe('train', { timeout: 60_000 }, () => {
  it('refuses what does not fit into memory before it preprocesses anything', async () => {
    const edits = ['patch_size=[96,96,96]', 'architecture.arch_kwargs.features_per_stage=[64,64,64,64]'];
    const wide = edits.flatMap((edit) => ['--set', `configurations.3d_fullres.${edit}`]);
    await runLine(['plan', data, '--workspace', work.path, '--name', 'Wide', ...wide]);
    const limit = `${process.memoryUsage.rss() + 2 ** 28}B`;
    const error: unknown = await train('--plans', 'Wide', '--max-memory', limit).catch((one: unknown) => one);
    expect(exitCodeOf(error as Error)).toBe(4);
    expect((error as Error).message).toMatch(/is planned to take \d+ MiB.*What fits/s);
    expect(existsSync(work.at('preprocessed/Dataset000_Hippocampus/Wide_3d_fullres'))).toBe(false);
  });

  it('says wrong words before it reads a case', async () => {
    const plan = async (...words: string[]): Promise<Document> =>
      runLine(['plan', data, '--workspace', work.path, '--out', work.at('x.json'), ...words]);
    const said = (line: Promise<Document>): Promise<unknown> =>
      line.catch((error: Error) => [exitCodeOf(error), error.message]);
    const line = (...words: string[]): Promise<Document> =>
      runLine(['train', data, ...words, '--workspace', work.path]);
    for (const [words, message] of [
      [() => line('3d_foo', '0'), /hold no configuration '3d_foo', but 2d, 3d_fullres/],
      [() => line('3d_fullres', '-1'), /the fold takes a whole number from 0 up/],
      [() => train('--loss', 'hinge'), /--loss: 'hinge' is neither a file nor a loss for labels; those are dice\+ce/],
      [() => train('--epochs', '0'), /--epochs takes a whole number from 1 up/],
      [() => train('--plans', 'nnUnetPlans'), /there are no plans .*nnUnetPlans\.json/],
      [() => train('--plans', 'gone.json'), /there are no plans gone\.json/],
      [() => plan('--set', 'configurations.2d.batch_sise=3'), /^--set: .*has no "batch_sise"/],
      [() => plan('--set', 'configurations.2d.batch_size=three'), /^--set: .*must be a whole number/],
    ] as const)
      expect(await said(words())).toEqual([2, expect.stringMatching(message)]);
    expect(existsSync(work.at('preprocessed/Dataset000_Hippocampus/nnUnetPlans.json'))).toBe(false);
  });

  it("makes a planner's plans by their name", async () => {
    await runLine(['preprocess', data, '--workspace', work.path, '-c', '2d', '--plans', 'nnUNetResEncUNetMPlans']);
    const path = work.at('preprocessed/Dataset000_Hippocampus/nnUNetResEncUNetMPlans.json');
    expect(JSON.parse(readFileSync(path, 'utf8')).experiment_planner_used).toBe('nnUNetPlannerResEncM');
  });

  it('trains as a stock trainer says, and predicts without the mirroring that it forbids', async () => {
    const { epochs } = await train('--trainer', 'nnUNetTrainer_1epoch_NoMirroring', '--trainer-name', 'Plain');
    expect(epochs).toBe(1);
    expect(plansOf('Plain').voxelwise.training.mirrorAxes).toEqual([]);
    await train('--trainer', 'nnUNetTrainerDA5', '--epochs', '1');
    expect(plansOf('nnUNetTrainerDA5').voxelwise.training.augmentation).toBe('nnunet-da5');
    expect(
      await train('--trainer', 'nnUNetTrainerXL').catch((error: Error) => [exitCodeOf(error), error.message]),
    ).toEqual([2, expect.stringContaining('nnUNetTrainerNoDA')]);
  });

  it("takes nnU-Net's names on its own command line", async () => {
    const environment = Object.fromEntries(
      ['raw', 'preprocessed', 'results'].map((name) => [`nnUNet_${name}`, work.at(name)]),
    );
    const upstream = (trainer: string): Promise<Document> =>
      runLine(['nnUNetv2_train', data, '3d_fullres', '0', '-tr', trainer], environment);
    expect(await upstream('nnUNetTrainerPrimus').catch((error: Error) => [exitCodeOf(error), error.message])).toEqual([
      2,
      expect.stringContaining('nnUNetTrainer_<n>epochs'),
    ]);
  });

  it('goes on with a finished training, and only with one', async () => {
    expect(await train('--extend-to', '2', '--trainer', 'nnUNetTrainerNoDA').catch(exitCodeOf)).toBe(2);
    await train('--epochs', '1', '--trainer', 'nnUNetTrainerNoDA');
    const { epochs, steps } = await train('--extend-to', '3', '--trainer', 'nnUNetTrainerNoDA');
    expect([epochs, steps]).toEqual([3, 6]);
    expect(existsSync(join(fold('nnUNetTrainerNoDA'), 'checkpoint_latest.safetensors'))).toBe(false);
    expect(await train('--extend-to', '2', '--trainer', 'nnUNetTrainerNoDA').catch(exitCodeOf)).toBe(2);
  });

  it('goes on with a training that nnU-Net began', async () => {
    const model = join(fold('nnUNetTrainerNoDA'), '..');
    const adopted = join(fold('Adopted'), 'checkpoint_latest.pth');
    await runLine(['export', '--model', model, '--to', 'pth', '--out', adopted]);
    const words = ['--trainer', 'nnUNetTrainerNoDA', '--trainer-name', 'Adopted'];
    expect(await train('--epochs', '4', ...words)).toMatchObject({ epochs: 4, steps: 8 });
    const { history } = JSON.parse(readFileSync(join(fold('Adopted'), 'progress.json'), 'utf8'));
    const before = JSON.parse(readFileSync(join(fold('nnUNetTrainerNoDA'), 'progress.json'), 'utf8')).history;
    expect(history.slice(0, 3).map((epoch: Document) => epoch.trainLoss)).toEqual(
      before.map((epoch: Document) => epoch.trainLoss),
    );
  });

  it('starts from weights, says what became of each, and leaves frozen ones alone', async () => {
    const from = join(fold('nnUNetTrainerNoDA'), 'checkpoint_final.safetensors');
    const tune = (name: string, ...more: string[]): Promise<Document> =>
      train('--epochs', '1', '--trainer-name', name, '--pretrained', from, ...more);
    const { pretrained } = await tune('Tuned', '--freeze', 'encoder.*', '--reinit', 'decoder.transpconvs.0.*');
    expect(pretrained.frozen.every((name: string) => name.startsWith('encoder.'))).toBe(true);
    expect(pretrained.reinitialized).toEqual(
      expect.arrayContaining(['decoder.stages.0.up.weight', 'decoder.stages.0.head.weight']),
    );
    expect(pretrained.loaded).toContain('encoder.stages.0.blocks.0.conv.weight');
    const [before, after] = [weightsOf('nnUNetTrainerNoDA'), weightsOf('Tuned')];
    const same = (name: string): boolean =>
      after.get(`weights.${name}`)!.every((value, k) => value === before.get(`weights.${name}`)![k]);
    expect(same('encoder.stages.1.blocks.0.conv.weight')).toBe(true);
    expect(same('decoder.stages.1.blocks.0.conv.weight')).toBe(false);
    expect(await tune('Other', '--freeze', 'nothing.*').catch(exitCodeOf)).toBe(2);
    writeFileSync(work.at('broken.pth'), 'no checkpoint');
    expect(await train('--pretrained', work.at('broken.pth')).catch(exitCodeOf)).toBe(3);
  });

  it('runs the trainer of the documentation, and refuses files that are none', async () => {
    const example = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs/custom-trainer.md'), 'utf8'))![1]!;
    writeFileSync(work.at('my-trainer.mjs'), example);
    await train('--epochs', '1', '--trainer', work.at('my-trainer.mjs'));
    expect(plansOf('my-trainer').voxelwise.training).toMatchObject({
      recipe: 'custom',
      loss: 'dice-only',
      optimizer: { name: 'adamw' },
    });
    writeFileSync(work.at('wrong.mjs'), 'export const optimiser = {}');
    expect(
      await train('--trainer', work.at('wrong.mjs')).catch((error: Error) => [exitCodeOf(error), error.message]),
    ).toEqual([3, expect.stringContaining("came 'optimiser'")]);
    const typed =
      "import type { Loss } from '@voxelwise/training';\nexport default ({ compute }: { compute: any }): Loss => ({ name: 'typed', apply: (logits, target) => compute.softDice({ logits, target }) });";
    writeFileSync(work.at('typed.ts'), typed);
    await train('--epochs', '1', '--trainer-name', 'Typed', '--loss', work.at('typed.ts'));
    expect(plansOf('Typed').voxelwise.training.loss).toBe('typed');
    expect(readdirSync(work.path).filter((name) => name.startsWith('.typed'))).toEqual([]);
    writeFileSync(work.at('enum.ts'), 'enum A { B }\nexport default A;');
    expect(await train('--loss', work.at('enum.ts')).catch(exitCodeOf)).toBe(3);
    writeFileSync(work.at('thrown.mjs'), 'throw new Error("no luck")');
    expect(await train('--loss', work.at('thrown.mjs')).catch((error: Error) => error.message)).toContain('no luck');
  });

  it('predicts with the network of a trainer file', async () => {
    const own =
      'export const network = (config) => ({ only: new Convolution(config.inputChannels, config.outputChannels, ONE), forward(x) { return this.only.forward(x); } });';
    const module = `export default ({ nets }) => { const { Convolution } = nets; const ONE = { kernel: [1, 1, 1], stride: [1, 1, 1], bias: true, slope: 0 }; ${own.replace('export ', '')} return { network, settings: { deepSupervision: false } }; };`;
    writeFileSync(work.at('tiny.mjs'), module);
    await train('--epochs', '1', '--trainer', work.at('tiny.mjs'));
    expect([...weightsOf('tiny').keys()]).toContain('weights.only.weight');
    const words = [
      'predict',
      '--model',
      join(fold('tiny'), '..'),
      '--input',
      join(data, 'imagesTs/hippocampus_045.nii.gz'),
      '--output',
      work.at('out'),
    ];
    expect(await runLine(words).catch(exitCodeOf)).toBe(3);
    expect((await runLine([...words, '--trainer', work.at('tiny.mjs')])).cases).toHaveLength(1);
    const exported = ['export', '--model', join(fold('tiny'), '..'), '--to', 'onnx', '--out', work.at('tiny.onnx')];
    expect(await runLine(exported).catch(exitCodeOf)).toBe(3);
    const { procedure } = await runLine([...exported, '--trainer', work.at('tiny.mjs')]);
    expect(JSON.parse(readFileSync(procedure, 'utf8')).network.input).toMatchObject({ shape: [1, 1, 16, 16, 16] });
    expect(readFileSync(work.at('tiny.onnx')).includes('only.weight')).toBe(true);
  });

  it('stops at a loss that is no number, naming step, case and patch', async () => {
    writeFileSync(
      work.at('nan.mjs'),
      "export default ({ compute }) => ({ name: 'nan', apply: (x) => compute.mul({ a: compute.mean({ x }), b: compute.tensor(x.device, [NaN], []) }) });",
    );
    const error = await train('--epochs', '1', '--trainer-name', 'Nan', '--loss', work.at('nan.mjs')).catch(
      (one: Error) => one,
    );
    expect(exitCodeOf(error)).toBe(3);
    expect(String(error)).toMatch(/step 1.*mul \[\] of the loss.*Patch 16×16×16 of hippocampus_00\d from voxel \[/);
  });
});
