/** Reads a model folder: `plans.json`, `dataset.json`, and `fold_k/checkpoint_*` in our format or nnU-Net v2's. */
import type { Weights } from '@voxelwise/nets';
import {
  configurationNames,
  configurationPlan,
  readPlans,
  type ConfigurationPlan,
  type DatasetJson,
} from '@voxelwise/planner';
import { parsePythonJson } from '@voxelwise/volume';
import { ModelError } from '../errors.ts';
import { safetensorsWeights, type BuildNetwork } from './checkpoint-weights.ts';
import type { ModelFolder } from './model-folder.ts';
import type { Fold, Model } from './model.ts';
import { readTorchWeights, type TorchModel } from './torch-checkpoint.ts';

export interface LoadModelOptions {
  /** Default: what the folder's name or the checkpoint says. */
  readonly configuration?: string;
  /** Default: every fold there is, but `all` only if there is no other. */
  readonly folds?: readonly (number | string)[];
  /** Default `final`. A name with a file ending is taken as it stands. */
  readonly checkpoint?: string;
  /** For a network of one's own, whose names nnU-Net does not know. */
  readonly build?: (plan: ConfigurationPlan) => BuildNetwork | undefined | Promise<BuildNetwork | undefined>;
}

/** Throws: ModelError naming what is missing; PlanError, FormatError, WeightsError from what is there. */
export async function loadModel(folder: ModelFolder, options: LoadModelOptions = {}): Promise<Model> {
  const files = await folder.list();
  const root = rootOf(folder, files);
  const text = async (path: string): Promise<string> => new TextDecoder().decode(await folder.read(root + path));
  const plans = readPlans(await text('plans.json'), `${folder.name}/plans.json`);
  const dataset = parsePythonJson(await text('dataset.json'), `${folder.name}/dataset.json`) as unknown as DatasetJson;
  const chosen = checkpointFiles(folder, files, root, options);
  const opened = await Promise.all(
    chosen.map(async ({ fold, path }) => {
      const bytes = await folder.read(path);
      return {
        fold,
        path,
        bytes,
        torch: /\.pth?$/.test(path) ? await readTorchWeights(bytes, `${folder.name}/${path}`) : undefined,
      };
    }),
  );
  const name =
    options.configuration ??
    opened.find((one) => one.torch?.configuration)?.torch?.configuration ??
    fromFolderName(folder, root, configurationNames(plans));
  const planned = configurationPlan(plans, dataset, name);
  const plan: ConfigurationPlan = opened.some(({ torch }) => torch?.batchNorm)
    ? { ...planned, network: { ...planned.network, normalization: 'batch' } }
    : planned;
  const build = await options.build?.(plan);
  const folds = opened.map(({ fold, path, bytes, torch }): Fold => {
    const file = `${folder.name}/${path}`;
    const weights = torch ? torch.weights(plan.network) : safetensorsWeights(bytes, file, plan.network, build);
    requireFinite(weights, file);
    return { name: fold, weights };
  });
  return {
    plan,
    folds,
    mirrorAxes: mirrorAxes(plan, opened[0]?.torch),
    ...(build ? { build } : {}),
  };
}

/** A training that broke leaves weights that are no numbers, and everything they segment is made up. */
function requireFinite(weights: Weights, file: string): void {
  for (const [name, { data }] of weights) {
    // Many megabytes: a plain loop, and no call per number.
    let broken = 0;
    for (let k = 0; k < data.length && broken === 0; k++) broken = data[k]! - data[k]!;
    if (broken !== 0)
      throw new ModelError(
        `${file}: ${name} holds NaN or infinity; weights must be finite. Its training diverged: take an earlier checkpoint.`,
        { file, name },
      );
  }
}

/** nnU-Net counts mirrored axes over the patch's own axes; we always count [z, y, x]. */
function mirrorAxes({ dimensions, voxelwise }: ConfigurationPlan, torch: TorchModel | undefined): readonly number[] {
  const ours = (voxelwise['training'] as { mirrorAxes?: readonly number[] } | undefined)?.mirrorAxes;
  if (torch && dimensions === 2) return torch.mirrorAxes.filter((axis) => axis < 2).map((axis) => axis + 1);
  if (torch) return torch.mirrorAxes;
  return ours ?? (dimensions === 2 ? [1, 2] : [0, 1, 2]);
}

/** Where plans.json stands: at the top, or in the only folder that has one (an unpacked zip). */
function rootOf(folder: ModelFolder, files: readonly string[]): string {
  const roots = files
    .filter((path) => /(^|\/)plans\.json$/.test(path))
    .map((path) => path.slice(0, -'plans.json'.length));
  if (roots.includes('')) return '';
  if (roots.length === 1) return roots[0]!;
  const choice =
    roots.length === 0
      ? 'it holds no plans.json'
      : `it holds several models (${roots.map((root) => root.slice(0, -1)).join(', ')}); name one of them`;
  throw new ModelError(
    `${folder.name}: a model is a folder with plans.json, dataset.json and fold_0, fold_1 … below it; ${choice}.`,
    { folder: folder.name, found: roots },
  );
}

function checkpointFiles(
  folder: ModelFolder,
  files: readonly string[],
  root: string,
  { folds, checkpoint = 'final' }: LoadModelOptions,
): { fold: string; path: string }[] {
  const wanted = /\.(pth|pt|safetensors)$/.test(checkpoint)
    ? [checkpoint]
    : [`checkpoint_${checkpoint}.safetensors`, `checkpoint_${checkpoint}.pth`];
  const there = new Set(files);
  const fileIn = (fold: string): string | undefined =>
    wanted.map((name) => `${root}fold_${fold}/${name}`).find((path) => there.has(path));
  const known = [
    ...new Set(
      files.map((path) => /^fold_([^/]+)\//.exec(path.slice(root.length))?.[1]).filter((fold) => fold !== undefined),
    ),
  ].sort();
  const trained = known.filter((fold) => fileIn(fold) !== undefined);
  const numbered = trained.filter((fold) => fold !== 'all');
  const chosen = folds?.map(String) ?? (numbered.length > 0 ? numbered : trained);
  if (chosen.length === 0)
    throw new ModelError(
      `${folder.name}: no fold has a ${wanted.join(' or ')}; train first, or name another checkpoint (there are folds ${known.join(', ') || 'none'}).`,
      { folder: folder.name, folds: known },
    );
  return chosen.map((fold) => {
    const path = fileIn(fold);
    if (path === undefined)
      throw new ModelError(
        `${folder.name}: fold ${fold} has no ${wanted.join(' or ')}; there are folds ${trained.join(', ') || 'none'}.`,
        { folder: folder.name, fold, folds: trained },
      );
    return { fold, path };
  });
}

function fromFolderName(folder: ModelFolder, root: string, known: readonly string[]): string {
  const names = [...root.split('/').filter(Boolean), folder.name].reverse();
  for (const name of names) {
    const last = name.split('__').at(-1)!;
    if (known.includes(last)) return last;
  }
  if (known.length === 1) return known[0]!;
  throw new ModelError(
    `${folder.name}: the plan holds the configurations ${known.join(', ')}; say which of them the weights are of.`,
    { folder: folder.name, known },
  );
}
