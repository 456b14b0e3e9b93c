/** `export` and `import`: models in exchange with nnU-Net and others. */
import { encodeSafetensors } from '@voxelwise/io';
import { loadModel } from '@voxelwise/inference';
import { stateDictEntries } from '@voxelwise/nets';
import { basename, join, resolve } from 'node:path';
import type { Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, writeJson, writeWhole } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { packModels, torchCheckpoint } from '../stages/model-archive.ts';
import { networkOf } from '../stages/custom-trainer.ts';
import { onnxNetwork, onnxProcedure } from '../stages/onnx-export.ts';
import { download, isUrl } from '../stages/download.ts';
import { modelRoots, openModelFolder, openModelZip } from '../stages/model-source.ts';
import { formatBytes, parseFolds } from '../values.ts';
import { workspaceOf } from '../workspace.ts';

interface ExportFlags {
  readonly model: readonly string[];
  readonly to: string;
  readonly out: string;
  readonly folds?: string;
  readonly checkpoint: readonly string[];
  readonly configuration?: string;
  readonly notStrict?: boolean;
  readonly predictions?: boolean;
  readonly trainer?: string;
}

const FORMS = ['zip', 'safetensors', 'pth', 'onnx'];

export const exportCommand: CommandDefinition = {
  name: 'export',
  define: (command, withContext) =>
    command
      .description(
        'write a trained model for others: a zip or .pth as nnU-Net has them, safetensors, or onnx with a JSON of what to do around it',
      )
      .requiredOption('--model <dirs...>', 'model folders; several for a zip')
      .requiredOption('--to <form>', FORMS.join(', '))
      .requiredOption('--out <file>', 'where it goes')
      .option('--folds <list>', 'default: every trained fold; .pth, safetensors and onnx hold one')
      .option('--checkpoint <names...>', 'final, best', ['final'])
      .option('-c, --configuration <name>', 'when the folder does not tell')
      .option('--trainer <file>', 'onnx: the trainer file whose network the model has')
      .option('--not-strict', 'zip: pass over folds and models that are not trained')
      .option('--predictions', 'zip: also the segmentations of the cross-validation')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise export --model results/Dataset004_Hippocampus/nnUNetTrainer__nnUNetPlans__3d_fullres --to zip --out hippocampus.zip\n  $ voxelwise export --model my-model --to pth --folds 0 --out checkpoint_final.pth\n  $ voxelwise export --model my-model --to onnx --folds 0 --out network.onnx',
      )
      .action(withContext(exportModel)),
};

async function exportModel(context: Context, flags: ExportFlags): Promise<void> {
  const { to, out } = flags;
  if (!FORMS.includes(to)) throw new CommandUsageError(`--to is ${FORMS.join(', ')}; came '${to}'`);
  const folds = flags.folds === undefined ? undefined : parseFolds(flags.folds);
  const bytes = to === 'zip' ? await zipped(flags, folds) : await oneFold(flags, folds);
  await writeWhole(out, bytes);
  const beside = to === 'onnx' ? procedureFile(out) : undefined;
  context.output.print(`wrote ${out} (${formatBytes(bytes.length)})${beside === undefined ? '' : ` and ${beside}`}`);
  context.output.document({
    out,
    form: to,
    bytes: bytes.length,
    ...(beside === undefined ? {} : { procedure: beside }),
  });
}

async function zipped(
  { model, checkpoint, notStrict = false, predictions = false }: ExportFlags,
  folds: (number | 'all')[] | undefined,
): Promise<Uint8Array> {
  const there = notStrict ? model.filter(exists) : model;
  const missing = there.find((path) => !exists(path)) ?? (there.length === 0 ? model[0]! : undefined);
  if (missing !== undefined)
    throw new InputError('missing-model', `${missing}: there is no such model folder.`, missing);
  return packModels(there, { folds, checkpoints: checkpoint, predictions, lenient: notStrict });
}

/** `network.onnx` → `network.json` */
function procedureFile(out: string): string {
  return `${out.replace(/\.onnx$/i, '')}.json`;
}

async function oneFold(
  { to, out, model, checkpoint, configuration, trainer }: ExportFlags,
  folds: (number | 'all')[] | undefined,
): Promise<Uint8Array> {
  if (model.length !== 1 || checkpoint.length !== 1)
    throw new CommandUsageError(`--to ${to} takes one --model and one --checkpoint`);
  if (trainer !== undefined && to !== 'onnx')
    throw new CommandUsageError(`--trainer goes with --to onnx; --to ${to} knows the networks of plans only`);
  const loaded = await loadModel(await openModelFolder(model[0]!, configuration), {
    ...(folds ? { folds } : {}),
    checkpoint: checkpoint[0]!,
    ...(configuration === undefined ? {} : { configuration }),
    ...(trainer === undefined ? {} : { build: networkOf(trainer) }),
  });
  if (loaded.folds.length !== 1)
    throw new CommandUsageError(
      `--to ${to} holds the weights of one fold; the model has folds ${loaded.folds.map((fold) => fold.name).join(', ')}: choose with --folds`,
    );
  if (to === 'pth') return torchCheckpoint(model[0]!, loaded, checkpoint[0]!);
  if (to === 'onnx') {
    await writeJson(procedureFile(out), onnxProcedure(loaded, basename(out)));
    return onnxNetwork(loaded);
  }
  const { weights, name } = loaded.folds[0]!;
  const named = stateDictEntries(loaded.plan.network).flatMap(({ ours, theirs, alias }) =>
    alias ? [] : [[theirs, weights.get(ours)!] as const],
  );
  return encodeSafetensors(new Map(named), { format: 'pt', configuration: loaded.plan.name, fold: name });
}

export const importCommand: CommandDefinition = {
  name: 'import',
  define: (command, withContext) =>
    command
      .description('unpack a zip of trained models into the results folder')
      .argument('<file or url>', 'a zip of ours or of nnU-Net, or where one can be downloaded')
      .option('--into <dir>', 'default: the results folder')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise import hippocampus.zip\n  $ voxelwise import https://example.org/hippocampus.zip --into models',
      )
      .action(
        withContext(async (context: Context, file: string, flags: { into?: string }) => {
          const bytes = isUrl(file) ? await download(context, file) : undefined;
          if (!bytes && !exists(file)) throw new InputError('missing-file', `${file}: there is no such file.`, file);
          const zip = await openModelZip(file, bytes);
          const names = [...zip.entries.keys()].filter((name) => !name.endsWith('/'));
          const models = modelRoots(names).map((root) => root.replace(/\/$/, ''));
          if (models.length === 0) throw new InputError('no-model', `${file}: holds no plans.json, so no model.`, file);
          const into = resolve(flags.into ?? workspaceOf(context).results);
          const loose = models.find((model) => !/^Dataset\d{3,}_[^/]+\/[^/]+$/.test(model));
          if (loose !== undefined && flags.into === undefined)
            throw new InputError(
              'loose-model',
              `${file}: its model lies in "${loose}", not in DatasetXXX_Name/Trainer__Plans__configuration; say where it goes with --into, or use the zip itself: voxelwise predict --model ${file}.`,
              file,
            );
          const occupied = models.find((model) => exists(join(into, model, 'plans.json')));
          // plans.json comes last: a folder that has it is whole, and one without is unpacked again.
          const last = (name: string): number => Number(name.endsWith('/plans.json') || name === 'plans.json');
          if (occupied !== undefined)
            throw new InputError(
              'model-exists',
              `${join(into, occupied)}: there is a model already; move it away, or unpack elsewhere with --into.`,
              join(into, occupied),
            );
          for (const name of names.sort((a, b) => last(a) - last(b)))
            await writeWhole(join(into, name), await zip.read(name));
          context.output.print(`unpacked ${models.join(', ')} into ${into}`);
          context.output.document({ models: models.map((model) => join(into, model)), files: names.length });
        }),
      ),
};
