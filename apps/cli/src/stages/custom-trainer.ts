/** Losses and trainers of a user's own: a JavaScript or TypeScript module whose values replace those of the recipe. */
import * as compute from '@voxelwise/compute';
import * as nets from '@voxelwise/nets';
import type { ConfigurationPlan } from '@voxelwise/planner';
import * as training from '@voxelwise/training';
import type { Loss, TrainingSettings, TrainOptions } from '@voxelwise/training';
import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { exists, sha256, writeWhole } from '../files.ts';
import { InputError } from '../exit.ts';

/** What a trainer module may hold, each a value. */
export interface CustomTrainer {
  /** Replaces the plan's network: [N, C, (z,) y, x] in, logits out. */
  readonly network?: TrainOptions['build'];
  readonly loss?: Loss;
  readonly augmentation?: TrainOptions['augmentation'];
  readonly sampler?: TrainOptions['sampler'];
  /** The learning rate of a step. */
  readonly schedule?: TrainOptions['schedule'];
  /** Over those of nnU-Net's recipe. */
  readonly settings?: Partial<TrainingSettings>;
}

/** Given to a module whose default export is a function, so that it needs no installation of its own. */
export interface TrainerTools {
  readonly compute: typeof compute;
  readonly nets: typeof nets;
  readonly training: typeof training;
  readonly plan: ConfigurationPlan;
}

/** A value for each name, and how to tell it from something else. */
const VALUES: Readonly<Record<keyof CustomTrainer, { readonly expected: string; fits(value: unknown): boolean }>> = {
  network: { expected: 'a function (config) => network', fits: isFunction },
  loss: { expected: 'an object { name, apply(logits, target) }', fits: isLoss },
  augmentation: {
    expected: 'an object { initialPatch(patch), apply(crop, patch, random) }',
    fits: (value) => hasFunctions(value, 'initialPatch', 'apply'),
  },
  sampler: {
    expected: 'an object { chooseCase(ids, request), choosePatch(case, sizes, request) }',
    fits: (value) => hasFunctions(value, 'chooseCase', 'choosePatch'),
  },
  schedule: { expected: 'a function (step, steps) => learning rate', fits: isFunction },
  settings: {
    expected: 'an object of training settings',
    fits: (value) => typeof value === 'object' && value !== null,
  },
};

/** Whether a flag names a file and not a thing of the catalogue. */
export function isModulePath(text: string): boolean {
  return /\.[cm]?[jt]s$/.test(text) || /^\.{0,2}[/\\]/.test(text);
}

/** Reads a trainer module. Throws: InputError naming the file and what in it is wrong. */
export async function loadTrainer(
  path: string,
  plan: ConfigurationPlan,
): Promise<CustomTrainer & { readonly hash: string }> {
  const { value, hash } = await loadModule(path, plan);
  const known = Object.keys(VALUES).join(', ');
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0)
    throw wrong(path, `a trainer exports some of ${known}; this exports nothing`);
  for (const [name, given] of Object.entries(value)) {
    if (!Object.hasOwn(VALUES, name)) throw wrong(path, `a trainer exports some of ${known}; came '${name}'`);
    const { expected, fits } = VALUES[name as keyof CustomTrainer];
    if (!fits(given)) throw wrong(path, `'${name}' must be ${expected}, came ${typeof given}`);
  }
  return { ...(value as CustomTrainer), hash };
}

/** The network of a trainer module, if it has one, for loading the model that it trained. */
export const networkOf =
  (path: string) =>
  async (plan: ConfigurationPlan): Promise<CustomTrainer['network']> =>
    (await loadTrainer(path, plan)).network;

/** Reads a loss module: its default export is the loss, or a function that makes it. */
export async function loadLoss(
  path: string,
  plan: ConfigurationPlan,
): Promise<{ readonly loss: Loss; readonly hash: string }> {
  const { value, hash } = await loadModule(path, plan);
  const found = isLoss(value) ? value : (value as { loss?: unknown }).loss;
  if (!isLoss(found)) throw wrong(path, `a loss is ${VALUES.loss.expected}, as default export or as 'loss'`);
  return { loss: found, hash };
}

async function loadModule(path: string, plan: ConfigurationPlan): Promise<{ value: unknown; hash: string }> {
  const full = resolve(path);
  if (!exists(full)) throw new InputError('missing-file', `${path}: there is no such file.`, full);
  const hash = await sha256(full);
  let module: Record<string, unknown>;
  try {
    module = /\.[cm]?ts$/.test(full) ? await importTypeScript(full) : await importFile(full);
  } catch (error) {
    throw new InputError(
      'bad-module',
      `${path}: the module cannot be loaded: ${(error as Error).message}`,
      full,
      {},
      { cause: error },
    );
  }
  const { default: main, ...named } = module;
  const tools: TrainerTools = { compute, nets, training, plan };
  try {
    const value =
      typeof main === 'function' ? await (main as (tools: TrainerTools) => unknown)(tools) : (main ?? named);
    return { value, hash };
  } catch (error) {
    throw new InputError(
      'bad-module',
      `${path}: its default export failed: ${(error as Error).message}`,
      full,
      {},
      { cause: error },
    );
  }
}

function importFile(full: string): Promise<Record<string, unknown>> {
  return import(/* @vite-ignore */ pathToFileURL(full).href) as Promise<Record<string, unknown>>;
}

/** Takes the types off; what is left stands beside the original while it is read, so that its own imports are found. */
async function importTypeScript(full: string): Promise<Record<string, unknown>> {
  const { transformSync } = await import('@swc/wasm-typescript');
  const source = await readFile(full, 'utf8');
  const { code } = transformSync(source, { mode: 'strip-only', module: true, filename: full });
  const plain = join(dirname(full), `.${basename(full)}.${randomBytes(4).toString('hex')}.mjs`);
  await writeWhole(plain, code);
  try {
    return await importFile(plain);
  } finally {
    await rm(plain, { force: true });
  }
}

function wrong(path: string, what: string): InputError {
  return new InputError('bad-module', `${path}: ${what}. See docs/custom-trainer.md.`, resolve(path));
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function hasFunctions(value: unknown, ...names: readonly string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  );
}

function isLoss(value: unknown): value is Loss {
  return hasFunctions(value, 'apply') && typeof (value as Loss).name === 'string';
}
