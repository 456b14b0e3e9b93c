/** Changing single values of a plans file, and telling two of them apart. */
import { type Json, parsePythonJson } from '@voxelwise/volume';
import { PlanError } from '../errors.ts';
import { plansFrom } from './read-plans.ts';
import type { PlansFile } from './plans-file.ts';

/**
 * Plans with one value replaced, from text as a user types it: `configurations.3d_fullres.batch_size=4`.
 *
 * The value is JSON, or else taken as text. List items go by number (`configurations.2d.patch_size.0`), and a key with
 * dots is quoted. What is new: configurations, given whole or begun with `configurations.mine.inherits_from=2d`; fields
 * of a configuration that plans may hold; anything below those that are open, such as the network's arguments.
 * Throws: PlanError if the path leads to or through something that plans do not have, or they are no longer valid.
 */
export function setPlanValue(plans: PlansFile, assignment: string): PlansFile {
  const equals = assignment.indexOf('=');
  const path = parsePath(assignment.slice(0, equals));
  if (equals < 1 || path.length === 0)
    throw new PlanError(
      `plans: expected PATH=VALUE, such as configurations.3d_fullres.batch_size=4, came "${assignment}".`,
      { assignment },
    );
  const begun = beginsConfiguration(plans, path)
    ? { ...plans, configurations: { ...plans.configurations, [path[1]!]: {} } }
    : plans;
  return plansFrom(
    replaceAt(begun as unknown as Json, path, parseValue(assignment.slice(equals + 1)), []),
    'edited plans',
  );
}

function beginsConfiguration(plans: PlansFile, [place, name, field, ...rest]: readonly string[]): boolean {
  return (
    place === 'configurations' &&
    field === 'inherits_from' &&
    rest.length === 0 &&
    !Object.hasOwn(plans.configurations, name!)
  );
}

/** Every field that a configuration may hold. */
const CONFIGURATION_FIELDS: readonly string[] = [
  'data_identifier',
  'preprocessor_name',
  'batch_size',
  'patch_size',
  'median_image_size_in_voxels',
  'spacing',
  'normalization_schemes',
  'use_mask_for_norm',
  'resampling_fn_data',
  'resampling_fn_data_kwargs',
  'resampling_fn_seg',
  'resampling_fn_seg_kwargs',
  'resampling_fn_probabilities',
  'resampling_fn_probabilities_kwargs',
  'architecture',
  'batch_dice',
  'inherits_from',
  'previous_stage',
  'next_stage',
  'voxelwise',
];

/** Whether a field that is not there may be added to an object of the plans. */
function mayAdd(field: string, walked: readonly string[]): boolean {
  if (walked.length === 0) return false;
  return walked.length !== 2 || walked[0] !== 'configurations' || CONFIGURATION_FIELDS.includes(field);
}

function parsePath(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|([^."]+)/g)].map(([, quoted, plain]) => quoted ?? plain!.trim());
}

function parseValue(text: string): Json {
  try {
    return parsePythonJson(text);
  } catch {
    return text;
  }
}

function replaceAt(node: Json | undefined, path: readonly string[], value: Json, walked: readonly string[]): Json {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const place = walked.join('.') || 'the plans';
  if (Array.isArray(node)) {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index >= node.length)
      throw new PlanError(`plans: ${place} has items 0 to ${node.length - 1}, not "${key}".`, { path: walked, key });
    return (node as readonly Json[]).map((item, i) =>
      i === index ? replaceAt(item, rest, value, [...walked, key]) : item,
    );
  }
  if (typeof node !== 'object' || node === null)
    throw new PlanError(`plans: ${place} is ${JSON.stringify(node) ?? 'nothing'}, which has no "${key}".`, {
      path: walked,
      key,
    });
  const members = node as Readonly<Record<string, Json>>;
  if (!Object.hasOwn(members, key) && (rest.length > 0 || !mayAdd(key, walked)))
    throw new PlanError(`plans: ${place} has no "${key}". It has: ${Object.keys(members).join(', ')}.`, {
      path: walked,
      key,
    });
  return { ...members, [key]: replaceAt(members[key], rest, value, [...walked, key]) };
}

/** A value that differs between two plans; a side without the value has no field for it. */
export interface PlanDifference {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Every value in which two plans differ, in the order of the file. Lists are compared as a whole. */
export function diffPlans(before: PlansFile, after: PlansFile): PlanDifference[] {
  return differences(before, after, '');
}

function differences(before: unknown, after: unknown, path: string): PlanDifference[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => differences(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
