/** nnU-Net v2's commands of an experiment: fingerprint, plans, preprocessing, training, choice. */
import { planners } from '@voxelwise/planner';
import { join } from 'node:path';
import { CommandUsageError } from '../exit.ts';
import { workspaceOf } from '../workspace.ts';
import type { UpstreamCommand } from './upstream.ts';
import type { UpstreamWords } from './upstream-flags.ts';

/** Plans that a planner writes when not told another name. */
const plansNameOf = (planner: string): string =>
  planners.find(({ name }) => name === planner)?.plansName ?? 'nnUNetPlans';

const PLANNING = '-pl= -gpu_memory_target= -preprocessor_name= -overwrite_target_spacing* -overwrite_plans_name=';

/** Classes of upstream's that a user may have replaced by Python of their own. Throws: CommandUsageError. */
function requireStock(words: UpstreamWords, flag: string, stock: string): void {
  if (words.one(flag, stock) === stock) return;
  throw new CommandUsageError(
    `${words.command}: ${flag} is ${stock}, the only one here, came '${words.one(flag, '')}'`,
  );
}

function fingerprintLine(words: UpstreamWords, dataset: string): string[] {
  requireStock(words, '-fpe', 'DatasetFingerprintExtractor');
  return ['fingerprint', dataset, ...(words.has('--clean') ? ['--clean'] : [])];
}

function planLine(words: UpstreamWords, dataset: string): string[] {
  requireStock(words, '-preprocessor_name', 'DefaultPreprocessor');
  const memory = words.optional('-gpu_memory_target');
  const spacing = words.many('-overwrite_target_spacing', []);
  const name = words.optional('-overwrite_plans_name');
  return [
    'plan',
    dataset,
    '--planner',
    words.one('-pl', 'ExperimentPlanner'),
    ...(memory === undefined ? [] : ['--memory', `${memory}GB`]),
    ...(spacing.length === 0 ? [] : ['--target-spacing', spacing.join(',')]),
    ...(name === undefined ? [] : ['--name', name]),
  ];
}

function preprocessLine(words: UpstreamWords, dataset: string, plans: string): string[] {
  const configurations = words.many('-c', []);
  return [
    'preprocess',
    dataset,
    '--plans',
    plans,
    '--skip-missing',
    ...(configurations.length === 0 ? [] : ['-c', ...configurations]),
  ];
}

/** `--verify_dataset_integrity` is the data doctor: it stops what follows when a fault would break a training. */
function checkLines(words: UpstreamWords, dataset: string): string[][] {
  return words.has('--verify_dataset_integrity') ? [['doctor', dataset]] : [];
}

export const experimentCommands: readonly UpstreamCommand[] = [
  {
    name: 'nnUNetv2_extract_fingerprint',
    description: "as nnU-Net: take a data set's fingerprint",
    flags: '-d+ -fpe= --verify_dataset_integrity --clean',
    examples: ['-d 4 --verify_dataset_integrity', '-d 4 17 --clean'],
    map: (words) =>
      words.many('-d', []).flatMap((dataset) => [...checkLines(words, dataset), fingerprintLine(words, dataset)]),
  },
  {
    name: 'nnUNetv2_plan_experiment',
    description: 'as nnU-Net: plans from the fingerprint',
    flags: `-d+ ${PLANNING}`,
    examples: ['-d 4', '-d 4 -pl nnUNetPlannerResEncL -gpu_memory_target 24'],
    map: (words) => words.many('-d', []).map((dataset) => planLine(words, dataset)),
  },
  {
    name: 'nnUNetv2_preprocess',
    description: 'as nnU-Net: crop, normalize and resample the training cases',
    flags: '-d+ -plans_name= -c* -np*',
    examples: ['-d 4', '-d 4 -plans_name nnUNetResEncUNetLPlans -c 3d_fullres -np 4'],
    map: (words) =>
      words.many('-d', []).map((dataset) => preprocessLine(words, dataset, words.one('-plans_name', 'nnUNetPlans'))),
  },
  {
    name: 'nnUNetv2_plan_and_preprocess',
    description: 'as nnU-Net: fingerprint, plans and preprocessing',
    flags: `-d+ -fpe= -npfp= --verify_dataset_integrity --no_pp --clean ${PLANNING} -c* -np*`,
    examples: ['-d 4 --verify_dataset_integrity', '-d 4 17 -pl nnUNetPlannerResEncM -c 2d 3d_fullres'],
    map: (words) =>
      words.many('-d', []).flatMap((dataset) => {
        const planner = words.one('-pl', 'ExperimentPlanner');
        const plans = words.one('-overwrite_plans_name', plansNameOf(planner));
        return [
          ...checkLines(words, dataset),
          fingerprintLine(words, dataset),
          planLine(words, dataset),
          ...(words.has('--no_pp') ? [] : [preprocessLine(words, dataset, plans)]),
        ];
      }),
  },
  {
    name: 'nnUNetv2_train',
    description: 'as nnU-Net: train one fold and validate it; goes on by itself where it stopped',
    flags:
      '-tr= -p= -pretrained_weights= -num_gpus= --npz --c --val --val_best --disable_checkpointing --use_compressed -device=',
    positionals: ['DATASET', 'CONFIGURATION', 'FOLD'],
    examples: ['4 3d_fullres 0 --npz', 'Dataset004_Hippocampus 2d all -tr nnUNetTrainer_50epochs -device cpu'],
    map: (words, context) => {
      // One process uses all there is; upstream splits the same batch among GPUs.
      if (!/^[1-9]\d*$/.test(words.one('-num_gpus', '1')))
        throw new CommandUsageError(`nnUNetv2_train: -num_gpus counts from 1, came ${words.one('-num_gpus', '1')}`);
      if (words.one('-num_gpus', '1') !== '1')
        context.output.note('nnUNetv2_train: -num_gpus says how to share a batch; here one device computes all of it.');
      if (words.has('--c') && words.has('--val'))
        throw new CommandUsageError('nnUNetv2_train: --val validates what is trained, --c goes on training; use one');
      const trainer = words.one('-tr', 'nnUNetTrainer');
      const weights = words.optional('-pretrained_weights');
      return [
        [
          'train',
          ...words.positional,
          '--plans',
          words.one('-p', 'nnUNetPlans'),
          '--trainer',
          trainer,
          ...(weights === undefined ? [] : ['--pretrained', weights]),
          ...(words.has('--npz') ? ['--export-validation-probabilities'] : []),
          ...(words.has('--val') ? ['--validate-only'] : []),
          ...(words.has('--val_best') ? ['--validate-checkpoint', 'best'] : []),
          ...(words.has('--disable_checkpointing') ? ['--no-checkpoints'] : []),
        ],
      ];
    },
  },
  {
    name: 'nnUNetv2_find_best_configuration',
    description: 'as nnU-Net: the configuration, or pair, that validated best, and its post-processing',
    flags: '-p* -c* -tr* -f* --disable_ensembling --no_overwrite',
    positionals: ['DATASET'],
    examples: ['4', '4 -c 2d 3d_fullres -f 0 1 --disable_ensembling'],
    map: (words) => [
      [
        'find-best',
        ...words.positional,
        '-c',
        ...words.many('-c', ['2d', '3d_fullres', '3d_lowres', '3d_cascade_fullres']),
        '--plans',
        ...words.many('-p', ['nnUNetPlans']),
        '--trainer',
        ...words.many('-tr', ['nnUNetTrainer']),
        '--folds',
        words.many('-f', ['0', '1', '2', '3', '4']).join(','),
        ...(words.has('--disable_ensembling') ? ['--no-ensembling'] : []),
      ],
    ],
  },
  {
    name: 'nnUNetv2_accumulate_crossval_results',
    description: "as nnU-Net: one model's validation cases of all folds together",
    flags: '-c= -o= -f* -p= -tr=',
    positionals: ['DATASET'],
    examples: ['4 -c 3d_fullres', '4 -c 2d -f 0 1 -o two-folds'],
    map: (words) => {
      const output = words.optional('-o');
      return [
        [
          'accumulate',
          ...words.positional,
          words.one('-c', '3d_fullres'),
          '--folds',
          words.many('-f', ['0', '1', '2', '3', '4']).join(','),
          '--plans',
          words.one('-p', 'nnUNetPlans'),
          '--trainer',
          words.one('-tr', 'nnUNetTrainer'),
          ...(output === undefined ? [] : ['--output', output]),
        ],
      ];
    },
  },
  {
    name: 'nnUNetv2_move_plans_between_datasets',
    description: 'as nnU-Net: plans of one data set for another',
    flags: '-s! -t! -sp! -tp=',
    examples: ['-s 4 -t 5 -sp nnUNetPlans', '-s 4 -t 5 -sp nnUNetPlans -tp nnUNetPlans_from4'],
    map: (words) => [
      [
        'move-plans',
        words.one('-s', ''),
        words.one('-t', ''),
        '--plans',
        words.one('-sp', ''),
        ...(words.has('-tp') ? ['--as', words.one('-tp', '')] : []),
      ],
    ],
  },
  {
    name: 'nnUNetv2_plot_overlay_pngs',
    description: 'as nnU-Net: a picture of every training case, labels in color',
    flags: '-d! -o! -channel_idx= --use_raw -p= -c= -overlay_intensity=',
    examples: ['-d 4 -o pictures --use_raw', '-d 4 -o pictures -c 2d -overlay_intensity 0.3'],
    map: (words) => [
      [
        'overlay',
        words.one('-d', ''),
        '--out',
        words.one('-o', ''),
        '--channel',
        words.one('-channel_idx', '0'),
        '--intensity',
        words.one('-overlay_intensity', '0.6'),
        ...(words.has('--use_raw') ? ['--raw'] : ['--plans', words.one('-p', 'nnUNetPlans')]),
        ...(words.has('-c') ? ['-c', words.one('-c', '')] : []),
      ],
    ],
  },
  {
    name: 'nnUNetv2_convert_MSD_dataset',
    description: 'as nnU-Net: a Decathlon task folder as an nnU-Net v2 data set',
    flags: '-i! -overwrite_id=',
    examples: ['-i Task04_Hippocampus', '-i Task04_Hippocampus -overwrite_id 104'],
    map: (words) => [
      [
        'convert',
        words.one('-i', ''),
        '--to',
        'nnunet',
        ...(words.has('-overwrite_id') ? ['--id', words.one('-overwrite_id', '')] : []),
      ],
    ],
  },
  {
    name: 'nnUNetv2_convert_old_nnUNet_dataset',
    description: 'as nnU-Net: a task folder of its first version as a v2 data set',
    flags: '',
    positionals: ['INPUT_FOLDER', 'OUTPUT_DATASET_NAME'],
    examples: ['Task027_ACDC Dataset027_ACDC', 'old/Task027_ACDC Dataset127_ACDC --workspace work'],
    map: (words, context) => {
      const [input, name] = words.positional as [string, string];
      if (!/^Dataset\d{3,}_[^/\\]+$/.test(name))
        throw new CommandUsageError(
          `nnUNetv2_convert_old_nnUNet_dataset: OUTPUT_DATASET_NAME is as Dataset027_ACDC, came '${name}'`,
        );
      return [['convert', input, '--to', 'nnunet', '--out', join(workspaceOf(context).raw, name)]];
    },
  },
];
