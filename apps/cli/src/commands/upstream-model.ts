/** nnU-Net v2's commands of a trained model: prediction, ensembles, post-processing, scores, exchange. */
import { resolveDataset } from '@voxelwise/io/node';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CommandUsageError } from '../exit.ts';
import { exists } from '../files.ts';
import { isUrl } from '../stages/download.ts';
import { modelFolder, workspaceOf } from '../workspace.ts';
import type { UpstreamCommand } from './upstream.ts';
import type { UpstreamWords } from './upstream-flags.ts';

const FOLDS = ['0', '1', '2', '3', '4'];
const PREDICTION =
  '-i! -o! -step_size= --disable_tta --save_probabilities --continue_prediction|--c -chk= -npp= -nps= -prev_stage_predictions= -device= --not_on_device';

function predictLine(words: UpstreamWords, model: string, folds: readonly string[]): string[] {
  const previous = words.optional('-prev_stage_predictions');
  return [
    'predict',
    '--model',
    model,
    '--input',
    words.one('-i', ''),
    '--output',
    words.one('-o', ''),
    '--folds',
    folds.join(','),
    '--checkpoint',
    checkpointName(words.one('-chk', 'checkpoint_final.pth')),
    '--step-size',
    words.one('-step_size', '0.5'),
    ...(words.has('--disable_tta') ? ['--no-mirroring'] : []),
    ...(words.has('--save_probabilities') ? ['--save-probabilities'] : []),
    ...(previous === undefined ? [] : ['--previous-stage', previous]),
    ...(words.has('-num_parts') ? ['--parts', words.one('-num_parts', '1'), '--part', words.one('-part_id', '0')] : []),
  ];
}

/** `checkpoint_final.pth` → `final`: ours have another ending. Other names stand as they are. */
function checkpointName(file: string): string {
  return /^checkpoint_(final|best|latest)\.pth$/.exec(file)?.[1] ?? file;
}

async function modelPath(
  context: Context,
  dataset: string,
  trainer: string,
  plans: string,
  configuration: string,
): Promise<string> {
  const workspace = workspaceOf(context);
  const { name } = await resolveDataset(dataset, workspace);
  return join(workspace.results, name, modelFolder(trainer, plans, configuration));
}

export const modelCommands: readonly UpstreamCommand[] = [
  {
    name: 'nnUNetv2_predict',
    description: 'as nnU-Net: segment images with a model of the results folder',
    flags: `${PREDICTION} -d! -p= -tr= -c! -f* -num_parts= -part_id=`,
    examples: [
      '-i imagesTs -o segmentations -d 4 -c 3d_fullres',
      '-i imagesTs -o out -d 4 -c 2d -f 0 --disable_tta --save_probabilities',
    ],
    map: async (words, context) => {
      const model = await modelPath(
        context,
        words.one('-d', ''),
        words.one('-tr', 'nnUNetTrainer'),
        words.one('-p', 'nnUNetPlans'),
        words.one('-c', ''),
      );
      return [[...predictLine(words, model, words.many('-f', FOLDS)), '-c', words.one('-c', '')]];
    },
  },
  {
    name: 'nnUNetv2_predict_from_modelfolder',
    description: 'as nnU-Net: segment images with a model folder',
    flags: `${PREDICTION} -m! -f*`,
    examples: [
      '-i imagesTs -o segmentations -m nnUNetTrainer__nnUNetPlans__3d_fullres',
      '-i imagesTs -o out -m model -f 0 -chk checkpoint_best.pth',
    ],
    map: (words) => [predictLine(words, words.one('-m', ''), words.many('-f', FOLDS))],
  },
  {
    name: 'nnUNetv2_ensemble',
    description: 'as nnU-Net: mean of saved probabilities',
    flags: '-i+ -o! --save_npz',
    examples: ['-i predictions_2d predictions_3d -o merged', '-i a b c -o merged --save_npz'],
    map: (words) => [
      [
        'ensemble',
        '--inputs',
        ...words.many('-i', []),
        '--output',
        words.one('-o', ''),
        ...(words.has('--save_npz') ? ['--save-probabilities'] : []),
      ],
    ],
  },
  {
    name: 'nnUNetv2_determine_postprocessing',
    description: 'as nnU-Net: which largest components to keep',
    flags: '-i! -ref! -plans_json= -dataset_json= --remove_postprocessed',
    examples: [
      '-i crossval_results_folds_0_1_2_3_4 -ref gt_segmentations',
      '-i predictions -ref labelsTr -dataset_json dataset.json --remove_postprocessed',
    ],
    map: (words) => [
      [
        'postprocess',
        'determine',
        '--input',
        words.one('-i', ''),
        '--reference',
        words.one('-ref', ''),
        ...(words.has('-dataset_json') ? ['--dataset-json', words.one('-dataset_json', '')] : []),
        ...(words.has('--remove_postprocessed') ? ['--no-keep-postprocessed'] : []),
      ],
    ],
  },
  {
    name: 'nnUNetv2_apply_postprocessing',
    description: 'as nnU-Net: keep the largest components that determine_postprocessing found',
    flags: '-i! -o! -pp_pkl_file! -plans_json= -dataset_json=',
    examples: [
      '-i segmentations -o final -pp_pkl_file postprocessing.pkl',
      '-i segmentations -o final -pp_pkl_file postprocessing.json -dataset_json dataset.json',
    ],
    map: (words) => [
      [
        'postprocess',
        'apply',
        '--input',
        words.one('-i', ''),
        '--output',
        words.one('-o', ''),
        '--postprocessing',
        stepsFile(words.one('-pp_pkl_file', '')),
        ...(words.has('-dataset_json') ? ['--dataset-json', words.one('-dataset_json', '')] : []),
      ],
    ],
  },
  {
    name: 'nnUNetv2_evaluate_folder',
    description: 'as nnU-Net: score a folder of segmentations',
    flags: '-djfile! -pfile= -o= --chill',
    positionals: ['REFERENCES', 'PREDICTIONS'],
    examples: [
      'labelsTs segmentations -djfile dataset.json -pfile plans.json',
      'labelsTs segmentations -djfile dataset.json -o summary.json --chill',
    ],
    map: (words) => [evaluateLine(words, ['--dataset-json', words.one('-djfile', '')])],
  },
  {
    name: 'nnUNetv2_evaluate_simple',
    description: 'as nnU-Net: score a folder of segmentations for some labels',
    flags: '-l+ -il= -o= --chill',
    positionals: ['REFERENCES', 'PREDICTIONS'],
    examples: ['labelsTs segmentations -l 1 2', 'labelsTs segmentations -l 1 2 3 -il 4 -o summary.json'],
    map: (words) => [
      evaluateLine(words, [
        '--labels',
        words.many('-l', []).join(','),
        ...(words.has('-il') ? ['--ignore-label', words.one('-il', '')] : []),
      ]),
    ],
  },
  {
    name: 'nnUNetv2_export_model_to_zip',
    description: 'as nnU-Net: pack trained models into a zip',
    flags: '-d! -o! -c* -tr= -p= -f* -chk* --not_strict --exp_cv_preds',
    examples: ['-d 4 -o model.zip', '-d 4 -o model.zip -c 3d_fullres -f 0 1 --not_strict'],
    map: async (words, context) => {
      const configurations = words.many('-c', ['3d_lowres', '3d_fullres', '2d', '3d_cascade_fullres']);
      const models = await Promise.all(
        configurations.map((name) =>
          modelPath(
            context,
            words.one('-d', ''),
            words.one('-tr', 'nnUNetTrainer'),
            words.one('-p', 'nnUNetPlans'),
            name,
          ),
        ),
      );
      return [
        [
          'export',
          '--to',
          'zip',
          '--out',
          words.one('-o', ''),
          '--model',
          ...models,
          '--folds',
          words.many('-f', FOLDS).join(','),
          '--checkpoint',
          ...words.many('-chk', ['checkpoint_final.pth']).map(checkpointName),
          ...(words.has('--not_strict') ? ['--not-strict'] : []),
          ...(words.has('--exp_cv_preds') ? ['--predictions'] : []),
        ],
      ];
    },
  },
  {
    name: 'nnUNetv2_install_pretrained_model_from_zip',
    description: 'as nnU-Net: unpack models into the results folder',
    flags: '',
    positionals: ['ZIP'],
    examples: ['model.zip', 'model.zip --workspace work'],
    map: (words) => [['import', ...words.positional]],
  },
  {
    name: 'nnUNetv2_download_pretrained_model_by_url',
    description: 'as nnU-Net: download models and unpack them into the results folder',
    flags: '',
    positionals: ['URL'],
    examples: ['https://example.org/model.zip', 'https://example.org/model.zip --workspace work'],
    map: (words) => {
      if (!isUrl(words.positional[0]!))
        throw new CommandUsageError(
          `nnUNetv2_download_pretrained_model_by_url: URL begins with https:// or http://, came '${words.positional[0]}'`,
        );
      return [['import', ...words.positional]];
    },
  },
];

/** Scripts name the pickle; what we determine stands in a JSON beside its place. */
function stepsFile(path: string): string {
  const beside = path.replace(/\.pkl$/, '.json');
  return !exists(path) && exists(beside) ? beside : path;
}

function evaluateLine(words: UpstreamWords, labels: readonly string[]): string[] {
  const [references, predictions] = words.positional as [string, string];
  return [
    'evaluate',
    '--prediction',
    predictions,
    '--reference',
    references,
    ...labels,
    '--metrics',
    'dice,iou',
    ...(words.has('-o') ? ['--out', words.one('-o', '')] : []),
    ...(words.has('--chill') ? ['--chill'] : []),
  ];
}
