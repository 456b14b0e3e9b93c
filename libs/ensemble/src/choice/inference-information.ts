/** What find-best found, as files: `inference_information.json` in nnU-Net's layout, and the commands to run as text. */
import { parsePythonJson, writePythonJson } from '@voxelwise/volume';
import { EnsembleError } from '../errors.ts';
import type { Best } from './find-best.ts';
import type { FoldName, ModelIdentity } from './model-names.ts';

export interface InferenceInformation {
  readonly all_results: Readonly<Record<string, number>>;
  readonly best_model_or_ensemble: {
    readonly postprocessing_file: string;
    readonly result_on_crossval_post_pp: number;
    readonly result_on_crossval_pre_pp: number;
    readonly selected_model_or_models: readonly {
      readonly configuration: string;
      readonly plans_identifier: string;
      readonly trainer: string;
    }[];
    readonly some_plans_file: string;
  };
  readonly considered_models: readonly ModelIdentity[];
  readonly dataset_name_or_id: string | number;
  readonly ensembling_allowed: boolean;
  readonly folds: readonly FoldName[];
}

export interface InferenceInformationOptions {
  readonly datasetNameOrId: string | number;
  readonly folds: readonly FoldName[];
  readonly ensemblingAllowed: boolean;
  /** Folder of the winner's validation predictions, where post-processing and plans lie. */
  readonly folderOfBest: string;
}

export function inferenceInformation(
  { candidates, best, postprocessing }: Best,
  options: InferenceInformationOptions,
): InferenceInformation {
  const singles = candidates.filter(({ members }) => members.length === 1);
  return {
    all_results: Object.fromEntries(candidates.map(({ name, summary }) => [name, summary.foreground_mean.Dice])),
    best_model_or_ensemble: {
      postprocessing_file: `${options.folderOfBest}/postprocessing.json`,
      result_on_crossval_post_pp: postprocessing.after.foreground_mean.Dice,
      result_on_crossval_pre_pp: best.summary.foreground_mean.Dice,
      selected_model_or_models: best.members.map(({ configuration, plans, trainer }) => ({
        configuration,
        plans_identifier: plans,
        trainer,
      })),
      some_plans_file: `${options.folderOfBest}/plans.json`,
    },
    considered_models: singles.map(({ members }) => members[0]!),
    dataset_name_or_id: options.datasetNameOrId,
    ensembling_allowed: options.ensemblingAllowed,
    folds: options.folds,
  };
}

/** The text of the file: keys sorted, indent 4. */
export function writeInferenceInformation(information: InferenceInformation): string {
  return writePythonJson(information, {
    sortKeys: true,
    isFloat: (path) => path[0] === 'all_results' || String(path[1]).startsWith('result_on_crossval'),
  });
}

/** Reads the text of the file. Throws: JsonError; EnsembleError. */
export function readInferenceInformation(text: string, from = 'inference_information.json'): InferenceInformation {
  const value = parsePythonJson(text, from) as unknown as Partial<InferenceInformation> | null;
  const selected = value?.best_model_or_ensemble?.selected_model_or_models;
  if (!Array.isArray(selected) || selected.length === 0 || !Array.isArray(value?.folds))
    throw new EnsembleError(
      `${from}: "best_model_or_ensemble" with its "selected_model_or_models", and "folds", are needed.`,
      { file: from },
    );
  return value as InferenceInformation;
}

export interface InstructionsOptions {
  /** Configuration → the one whose segmentation it needs first (cascade). */
  readonly previousStages?: Readonly<Record<string, string>>;
  /** What stands before each command. Default `voxelwise `. */
  readonly prefix?: string;
  /** Flags after each prediction, such as the workspace that holds the models. */
  readonly flags?: readonly string[];
}

/** The commands that predict new cases with the winner, for `inference_instructions.txt`. */
export function inferenceInstructions(information: InferenceInformation, options: InstructionsOptions = {}): string {
  const { prefix = 'voxelwise ' } = options;
  const { best_model_or_ensemble: best, dataset_name_or_id: dataset } = information;
  const models = best.selected_model_or_models;
  const together = models.length > 1;
  const outputs = models.map((_, i) => (together ? `OUTPUT_FOLDER_MODEL_${i + 1}` : 'OUTPUT_FOLDER'));
  const commands = models.flatMap((model, i) =>
    predictCommands(information, { model, output: outputs[i]!, probabilities: together }, options).map(
      (command) => prefix + command,
    ),
  );
  const merge = `${prefix}nnUNetv2_ensemble -i ${outputs.join(' ')} -o OUTPUT_FOLDER`;
  const finish = `${prefix}nnUNetv2_apply_postprocessing -i OUTPUT_FOLDER -o OUTPUT_FOLDER_PP -pp_pkl_file ${quoted(best.postprocessing_file)} -plans_json ${quoted(best.some_plans_file)}`;
  return [
    `Best on the validation cases of dataset ${dataset}: mean Dice ${best.result_on_crossval_pre_pp.toFixed(4)}, ${best.result_on_crossval_post_pp.toFixed(4)} after post-processing.`,
    'Replace the words in capitals by your folders.',
    '',
    together ? '1. Predict with each member of the ensemble:' : '1. Predict:',
    '',
    ...commands,
    '',
    ...(together ? ['2. Merge the predictions:', '', merge, ''] : []),
    `${together ? 3 : 2}. Post-process:`,
    '',
    finish,
    '',
  ].join('\n');
}

/** As a shell reads it as one word. */
function quoted(word: string): string {
  return /^[\w./:@%+=,\\-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

interface Prediction {
  readonly model: InferenceInformation['best_model_or_ensemble']['selected_model_or_models'][number];
  readonly output: string;
  readonly probabilities: boolean;
}

function predictCommands(
  information: InferenceInformation,
  prediction: Prediction,
  options: InstructionsOptions,
): string[] {
  const { model, output, probabilities } = prediction;
  const previous = options.previousStages?.[model.configuration];
  const before = previous === undefined ? undefined : `${output}_PREV_STAGE`;
  const command = [
    `nnUNetv2_predict -d ${information.dataset_name_or_id} -i INPUT_FOLDER -o ${output} -f ${information.folds.join(' ')}`,
    `-tr ${model.trainer} -c ${model.configuration} -p ${model.plans_identifier}`,
    ...(before === undefined ? [] : [`-prev_stage_predictions ${before}`]),
    ...(probabilities ? ['--save_probabilities'] : []),
    ...(options.flags ?? []).map(quoted),
  ].join(' ');
  if (previous === undefined) return [command];
  const stage: Prediction = { model: { ...model, configuration: previous }, output: before!, probabilities: false };
  return [...predictCommands(information, stage, options), command];
}
