/** `runner`: the verbs of MONAI's nnUNetV2Runner, with its YAML file. Source: MONAI, `monai.apps.nnunet`. */
import { labelSet } from '@voxelwise/io';
import { openDataset as openPath } from '@voxelwise/io/node';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { globalWords, type Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, readJson } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { toNnunet } from '../stages/dataset-conversion.ts';
import { readLabels } from '../stages/label-files.ts';
import { parseWhole } from '../values.ts';
import { flagsOf, readUpstream, type UpstreamWords } from './upstream-flags.ts';

interface RunnerConfig {
  readonly modality: readonly string[];
  readonly datalist: string;
  readonly dataroot: string;
  readonly id: number;
  readonly roots: {
    readonly nnUNet_raw: string;
    readonly nnUNet_preprocessed: string;
    readonly nnUNet_results: string;
  };
}

const CONFIGURATIONS = ['2d', '3d_fullres', '3d_lowres', '3d_cascade_fullres'];
/** Arguments of the runner and its methods; `?` are true or false, and true where they stand alone. */
const FLAGS = [
  '--input_config! --work_dir= --trainer_class_name= --export_validation_probabilities?',
  '--data_dir= --overwrite_id= --fpe= --npfp= --verify_dataset_integrity? --clean? --n_proc* --no_pp?',
  '--pl= --gpu_memory_target= --preprocessor_name= --overwrite_target_spacing* --overwrite_plans_name= --c*',
  '--config= --configs* --fold= --folds* --p= --pretrained_weights= --use_compressed? --val? --disable_checkpointing?',
  '--gpu_id= --gpu_id_for_all* --plans* --trainers* --allow_ensembling? --num_processes= --overwrite? --strict?',
  '--list_of_lists_or_source_folder= --output_folder= --model_training_output_dir= --use_folds* --tile_step_size=',
  '--use_gaussian? --use_mirroring? --perform_everything_on_gpu? --save_probabilities? --checkpoint_name=',
  '--folder_with_segs_from_prev_stage= --num_parts= --part_id= --num_processes_preprocessing=',
  '--num_processes_segmentation_export= --run_ensemble? --run_predict? --run_postprocessing? --run_convert_dataset?',
  '--run_plan_and_process? --run_train? --run_find_best_configuration? --run_predict_ensemble_postprocessing? --verbose?',
].join(' ');

/** One step: a command line of ours, or work of the runner itself. */
type Step = readonly string[] | ((context: Context) => Promise<unknown>);
type Verb = (config: RunnerConfig, words: UpstreamWords) => readonly Step[];

const isOn = (words: UpstreamWords, flag: string, fallback: boolean): boolean =>
  words.has(flag) ? !/^(false|0|no)$/i.test(words.one(flag, 'true')) : fallback;
const list = (values: readonly string[]): string[] =>
  values.flatMap((value) => value.replace(/[()[\]'"\s]/g, '').split(',')).filter(Boolean);

const plan: Verb = ({ id }, words) => [
  [
    'nnUNetv2_plan_experiment',
    '-d',
    String(id),
    '-pl',
    words.one('--pl', 'ExperimentPlanner'),
    ...(words.has('--gpu_memory_target') ? ['-gpu_memory_target', words.one('--gpu_memory_target', '8')] : []),
    ...(words.has('--preprocessor_name') ? ['-preprocessor_name', words.one('--preprocessor_name', '')] : []),
    ...(words.has('--overwrite_plans_name') ? ['-overwrite_plans_name', words.one('--overwrite_plans_name', '')] : []),
    ...(words.has('--overwrite_target_spacing')
      ? ['-overwrite_target_spacing', ...list(words.many('--overwrite_target_spacing', []))]
      : []),
  ],
];
const fingerprints: Verb = ({ id }, words) => [
  [
    'nnUNetv2_extract_fingerprint',
    '-d',
    String(id),
    ...(isOn(words, '--verify_dataset_integrity', false) ? ['--verify_dataset_integrity'] : []),
    ...(isOn(words, '--clean', false) ? ['--clean'] : []),
    ...(words.has('--fpe') ? ['-fpe', words.one('--fpe', '')] : []),
  ],
];
const preprocess: Verb = ({ id }, words) => {
  const configurations = list(words.many('--c', []));
  return [
    [
      'nnUNetv2_preprocess',
      '-d',
      String(id),
      '-plans_name',
      words.one('--overwrite_plans_name', 'nnUNetPlans'),
      ...(configurations.length === 0 ? [] : ['-c', ...configurations]),
    ],
  ];
};
const trainOne = (
  { id }: RunnerConfig,
  words: UpstreamWords,
  configuration: string,
  fold: string,
  validate = isOn(words, '--val', false),
): string[] => [
  'nnUNetv2_train',
  String(id),
  configuration,
  fold,
  '-tr',
  words.one('--trainer_class_name', 'nnUNetTrainer'),
  '-p',
  words.one('--p', 'nnUNetPlans'),
  ...(words.has('--pretrained_weights') ? ['-pretrained_weights', words.one('--pretrained_weights', '')] : []),
  ...(isOn(words, '--export_validation_probabilities', true) ? ['--npz'] : []),
  ...(isOn(words, '--disable_checkpointing', false) ? ['--disable_checkpointing'] : []),
  ...(validate ? ['--val'] : []),
];
const configurationsOf = (config: RunnerConfig, words: UpstreamWords) => async (): Promise<string[]> => {
  const asked = list(words.many('--configs', CONFIGURATIONS));
  const folder = join(config.roots.nnUNet_preprocessed, await datasetName(config));
  const path = join(folder, `${words.one('--p', 'nnUNetPlans')}.json`);
  const planned = exists(path) ? Object.keys((await readJson<{ configurations: object }>(path)).configurations) : asked;
  return asked.filter((name) => planned.includes(name));
};
/** Every configuration and fold, trained, or validated alone. */
const everyFold =
  (validate: boolean): Verb =>
  (config, words) => [
    async (context) => {
      const documents: unknown[] = [];
      for (const configuration of await configurationsOf(config, words)())
        for (const fold of list(words.many('--folds', ['0', '1', '2', '3', '4'])))
          documents.push(await runStep(context, config, trainOne(config, words, configuration, fold, validate)));
      return documents;
    },
  ];
const train = everyFold(false);
const oneFold =
  (verb: string, validate: boolean): Verb =>
  (config, words) => {
    if (!words.has('--config') || !words.has('--fold'))
      throw new CommandUsageError(`runner ${verb} needs --config and --fold`);
    return [
      trainOne(
        config,
        words,
        words.one('--config', ''),
        words.one('--fold', '0'),
        validate || isOn(words, '--val', false),
      ),
    ];
  };
const findBest: Verb = ({ id }, words) => [
  [
    'nnUNetv2_find_best_configuration',
    String(id),
    '-c',
    ...list(words.many('--configs', CONFIGURATIONS)),
    '-p',
    ...list(words.many('--plans', ['nnUNetPlans'])),
    '-tr',
    ...list(words.many('--trainers', [words.one('--trainer_class_name', 'nnUNetTrainer')])),
    '-f',
    ...list(words.many('--folds', ['0', '1', '2', '3', '4'])),
    ...(isOn(words, '--allow_ensembling', true) ? [] : ['--disable_ensembling']),
  ],
];
const predict: Verb = (_, words) => {
  const missing = ['--list_of_lists_or_source_folder', '--output_folder', '--model_training_output_dir'].find(
    (flag) => !words.has(flag),
  );
  if (missing) throw new CommandUsageError(`runner predict needs ${missing}`);
  if (!isOn(words, '--use_gaussian', true))
    throw new CommandUsageError(
      'runner predict: windows are always blended by Gaussian weights; leave --use_gaussian out',
    );
  const folds = list(words.many('--use_folds', ['0', '1', '2', '3', '4']));
  return [
    [
      'nnUNetv2_predict_from_modelfolder',
      '-i',
      words.one('--list_of_lists_or_source_folder', ''),
      '-o',
      words.one('--output_folder', ''),
      '-m',
      words.one('--model_training_output_dir', ''),
      '-f',
      ...folds,
      '-chk',
      words.one('--checkpoint_name', 'checkpoint_final.pth'),
      '-step_size',
      words.one('--tile_step_size', '0.5'),
      ...(isOn(words, '--use_mirroring', true) ? [] : ['--disable_tta']),
      ...(isOn(words, '--save_probabilities', false) ? ['--save_probabilities'] : []),
      ...(isOn(words, '--overwrite', true) ? [] : ['--continue_prediction']),
      ...(words.has('--folder_with_segs_from_prev_stage')
        ? ['-prev_stage_predictions', words.one('--folder_with_segs_from_prev_stage', '')]
        : []),
    ],
  ];
};
/** Predicts imagesTs with the winner, merges and post-processes: what inference_information.json says. */
const predictBest: Verb = (config, words) => [
  async (context) => {
    const name = await datasetName(config);
    const results = join(config.roots.nnUNet_results, name);
    const chosen = join(results, 'inference_information.json');
    if (!exists(chosen))
      throw new InputError(
        'missing-choice',
        `${chosen}: there is no such file; \`runner find_best_configuration\` writes it.`,
        chosen,
      );
    const information = await readJson<{
      folds: (number | string)[];
      best_model_or_ensemble: {
        postprocessing_file: string;
        selected_model_or_models: { configuration: string; trainer: string; plans_identifier: string }[];
      };
    }>(chosen);
    const { selected_model_or_models: models, postprocessing_file: postprocessing } =
      information.best_model_or_ensemble;
    const inputs = join(config.roots.nnUNet_raw, name, 'imagesTs');
    const outputs: string[] = [];
    const predictInto = async (model: (typeof models)[number], folder: string): Promise<void> => {
      const cascade = model.configuration === '3d_cascade_fullres';
      if (cascade) await predictInto({ ...model, configuration: '3d_lowres' }, `${folder}_prev_stage`);
      await runStep(context, config, [
        'nnUNetv2_predict',
        '-d',
        String(config.id),
        '-i',
        inputs,
        '-o',
        folder,
        '-f',
        ...information.folds.map(String),
        '-tr',
        model.trainer,
        '-c',
        model.configuration,
        '-p',
        model.plans_identifier,
        ...(cascade ? ['-prev_stage_predictions', `${folder}_prev_stage`] : []),
        ...(models.length > 1 ? ['--save_probabilities'] : []),
      ]);
    };
    for (const model of models) {
      outputs.push(join(results, `pred_${model.configuration}`));
      if (isOn(words, '--run_predict', true)) await predictInto(model, outputs.at(-1)!);
    }
    const merged = models.length > 1 ? join(results, 'ensemble_predictions') : outputs[0]!;
    if (models.length > 1 && isOn(words, '--run_ensemble', true))
      await runStep(context, config, ['nnUNetv2_ensemble', '-i', ...outputs, '-o', merged]);
    if (!isOn(words, '--run_postprocessing', true)) return { outputs: merged };
    return runStep(context, config, [
      'nnUNetv2_apply_postprocessing',
      '-i',
      merged,
      '-o',
      join(results, 'ensemble_predictions_postprocessed'),
      '-pp_pkl_file',
      postprocessing,
    ]);
  },
];

const convertDataset: Verb = (config) => [(context) => convert(context, config)];

const VERBS: Readonly<Record<string, Verb>> = {
  convert_dataset: convertDataset,
  convert_msd_dataset: (_, words) => [
    [
      'nnUNetv2_convert_MSD_dataset',
      '-i',
      words.one('--data_dir', ''),
      ...(words.has('--overwrite_id') ? ['-overwrite_id', words.one('--overwrite_id', '')] : []),
    ],
  ],
  extract_fingerprints: fingerprints,
  plan_experiments: plan,
  preprocess,
  plan_and_process: (config, words) => [
    ...fingerprints(config, words),
    ...plan(config, words),
    ...(isOn(words, '--no_pp', false) ? [] : preprocess(config, words)),
  ],
  train_single_model: oneFold('train_single_model', false),
  train,
  // It shares configurations and folds out among GPUs; here one device trains one after the other.
  train_parallel: train,
  validate_single_model: oneFold('validate_single_model', true),
  validate: everyFold(true),
  find_best_configuration: findBest,
  predict,
  predict_ensemble_postprocessing: predictBest,
  run: (config, words) => [
    ...(isOn(words, '--run_convert_dataset', true) ? convertDataset(config, words) : []),
    ...(isOn(words, '--run_plan_and_process', true) ? VERBS['plan_and_process']!(config, words) : []),
    ...(isOn(words, '--run_train', true) ? train(config, words) : []),
    ...(isOn(words, '--run_find_best_configuration', true) ? findBest(config, words) : []),
    ...(isOn(words, '--run_predict_ensemble_postprocessing', true) ? predictBest(config, words) : []),
  ],
};

export const runnerCommand: CommandDefinition = {
  name: 'runner',
  define: (command, withContext) =>
    command
      .description("the verbs of MONAI's nnUNetV2Runner, with its YAML file")
      .argument('<verb>', Object.keys(VERBS).join(', '))
      .argument('[words...]', FLAGS)
      .allowUnknownOption()
      .addHelpText(
        'after',
        '\nThe YAML file needs modality, datalist and dataroot; nnunet_raw, nnunet_preprocessed, nnunet_results and dataset_name_or_id are optional.\n\nExamples:\n  $ voxelwise runner run --input_config input.yaml\n  $ voxelwise runner train_single_model --input_config input.yaml --config 3d_fullres --fold 0',
      )
      .action(
        withContext(async (context: Context, verb: string, given: string[]) => {
          const steps = VERBS[verb];
          if (steps === undefined)
            throw new CommandUsageError(`runner knows ${Object.keys(VERBS).join(', ')}; came '${verb}'`);
          const words = readUpstream(`runner ${verb}`, given, flagsOf(FLAGS), []);
          const config = await readConfig(words.one('--input_config', ''), words.one('--work_dir', 'work_dir'));
          const documents: unknown[] = [];
          for (const step of steps(config, words))
            documents.push(typeof step === 'function' ? await step(context) : await runStep(context, config, step));
          context.output.document({ verb, steps: documents });
        }),
      ),
};

/** Runs a line with the file's three folders in place of the environment's. */
function runStep(context: Context, { roots }: RunnerConfig, line: readonly string[]): Promise<unknown> {
  context.output.note(`voxelwise ${line.join(' ')}`);
  return context.run([...line, ...globalWords({ ...context, workspaceFlag: undefined })], roots);
}

/** Throws: InputError naming the key that is missing or wrong. */
async function readConfig(path: string, workDir: string): Promise<RunnerConfig> {
  if (!exists(path)) throw new InputError('missing-file', `${path}: there is no such file.`, path);
  let value: unknown;
  try {
    value = parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new InputError('bad-yaml', `${path}: is not YAML (${(error as Error).message}).`, path, {}, { cause: error });
  }
  const entries = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const text = (key: string, fallback?: string): string => {
    const found = entries[key] ?? fallback;
    if (typeof found !== 'string')
      throw new InputError(
        'bad-config',
        `${path}: "${key}" is ${JSON.stringify(found) ?? 'missing'}; a path was expected.`,
        path,
        { key },
      );
    return resolve(found);
  };
  const modality = typeof entries['modality'] === 'string' ? [entries['modality']] : entries['modality'];
  if (!Array.isArray(modality) || modality.length === 0 || !modality.every((name) => typeof name === 'string'))
    throw new InputError(
      'bad-config',
      `${path}: "modality" is ${JSON.stringify(modality) ?? 'missing'}; CT, or a list with one name per channel, was expected.`,
      path,
      { key: 'modality' },
    );
  return {
    modality: modality as string[],
    datalist: text('datalist'),
    dataroot: text('dataroot'),
    id: parseWhole(
      String(entries['dataset_name_or_id'] ?? 1).replace(/^Dataset0*(\d+)_.*$/, '$1'),
      'dataset_name_or_id',
    ),
    roots: {
      nnUNet_raw: text('nnunet_raw', join(workDir, 'nnUNet_raw_data_base')),
      nnUNet_preprocessed: text('nnunet_preprocessed', join(workDir, 'nnUNet_preprocessed')),
      nnUNet_results: text('nnunet_results', join(workDir, 'nnUNet_trained_models')),
    },
  };
}

function datasetName({ id, dataroot }: RunnerConfig): Promise<string> {
  return Promise.resolve(`Dataset${String(id).padStart(3, '0')}_${basename(dataroot)}`);
}

/** The datalist's cases in nnU-Net's layout; labels are background, class1, class2, … as they occur. */
async function convert(context: Context, config: RunnerConfig): Promise<unknown> {
  const out = join(config.roots.nnUNet_raw, await datasetName(config));
  const names = { channels: config.modality, labels: labelSet({ background: 0, class1: 1 }) };
  const source = await openPath(config.datalist, { dataroot: config.dataroot, ...names });
  let largest = 1;
  for (const { label } of source.training) {
    if (label === undefined) continue;
    for (const value of (await readLabels(source.tree.fullPath(label))).map.voxels) largest = Math.max(largest, value);
  }
  const labels = labelSet({
    background: 0,
    ...Object.fromEntries(Array.from({ length: largest }, (_, i) => [`class${i + 1}`, i + 1])),
  });
  const made = await toNnunet(context, { ...source, labels, json: {} }, out);
  context.output.print(
    `${made.cases} training and ${made.test} test cases in ${out} (from ${dirname(config.datalist)})`,
  );
  return { dataset: out, ...made };
}
