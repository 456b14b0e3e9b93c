/** Reading and writing the plans file; files of older versions come out in today's form. */
import { parsePythonJson, writePythonJson } from '@voxelwise/volume';
import { PlanError } from '../errors.ts';
import { isFolderName } from './folder-name.ts';
import type { ArchitectureEntry, ConfigurationEntry, PlansFile } from './plans-file.ts';

/** Reads the text of a plans file. Throws: JsonError; PlanError naming the field that is missing or wrong. */
export function readPlans(text: string, from = 'plans.json'): PlansFile {
  return plansFrom(parsePythonJson(text, from), from);
}

/** Checks parsed plans and brings old forms up to date. Everything unknown is kept. Throws: PlanError. */
export function plansFrom(value: unknown, from = 'plans.json'): PlansFile {
  const given = (value ?? {}) as Record<string, unknown>;
  const { foreground_intensity_properties_by_modality: byModality, ...rest } = given;
  const plans: Record<string, unknown> = {
    ...rest,
    foreground_intensity_properties_per_channel: given['foreground_intensity_properties_per_channel'] ?? byModality,
  };
  const fail = (field: string, expected: string): never => {
    throw new PlanError(`${from}: "${field}" must be ${expected}, came ${brief(plans[field])}.`, { field, file: from });
  };
  for (const field of ['dataset_name', 'plans_name', 'image_reader_writer'])
    if (typeof plans[field] !== 'string') fail(field, 'text');
  // It becomes part of the results folder's name; so do the configurations'.
  if (!isFolderName(plans['plans_name'])) fail('plans_name', 'a plain name without slashes');
  for (const field of ['transpose_forward', 'transpose_backward'])
    if (!isPermutation(plans[field])) fail(field, 'a permutation of [0, 1, 2]');
  if (!isObject(plans['configurations']) || Object.keys(plans['configurations']).length === 0)
    fail('configurations', 'an object with at least one configuration');
  if (!isObject(plans['foreground_intensity_properties_per_channel']))
    fail('foreground_intensity_properties_per_channel', 'an object, channel number → statistics');
  const entries = Object.entries(plans['configurations'] as Record<string, unknown>).map(([name, entry]) => {
    if (!isFolderName(name))
      throw new PlanError(
        `${from}: ${brief(name)} is no name for a configuration; it must be plain, without slashes.`,
        {
          field: name,
          file: from,
        },
      );
    if (!isObject(entry))
      throw new PlanError(`${from}: configuration ${name} must be an object, came ${brief(entry)}.`, {
        field: name,
        file: from,
      });
    return [name, convertOldConfiguration(entry as ConfigurationEntry, name)];
  });
  return { ...plans, configurations: Object.fromEntries(entries) } as unknown as PlansFile;
}

const FLOAT_FIELDS = new Set([
  'spacing',
  'original_median_spacing_after_transp',
  'foreground_intensity_properties_per_channel',
  'eps',
]);

/** The text of a plans file: insertion order, indent 4, floats as Python writes them. */
export function writePlans(plans: PlansFile): string {
  return writePythonJson(plans, {
    isFloat: (path) => {
      if (path.includes('voxelwise')) return false;
      // The low resolution's median size was rounded by the planner and is written in whole numbers.
      if (path[2] === 'median_image_size_in_voxels') return path[1] !== '3d_lowres';
      return path.some((step) => FLOAT_FIELDS.has(String(step)));
    },
  });
}

const OLD_FIELDS = [
  'UNet_class_name',
  'UNet_base_num_features',
  'n_conv_per_stage_encoder',
  'n_conv_per_stage_decoder',
  'num_pool_per_axis',
  'pool_op_kernel_sizes',
  'conv_kernel_sizes',
  'unet_max_num_features',
] as const;

/**
 * A configuration of nnU-Net 2.4 or older, whose network stands in flat keys, in today's form; others unchanged.
 * Throws: PlanError for a network those versions did not have.
 */
export function convertOldConfiguration(entry: ConfigurationEntry, name = 'configuration'): ConfigurationEntry {
  if (entry.architecture !== undefined || entry['UNet_class_name'] === undefined) return entry;
  const missing = OLD_FIELDS.filter((field) => field !== 'num_pool_per_axis' && entry[field] === undefined);
  if (missing.length > 0)
    throw new PlanError(`plans: configuration ${name} is in the old format but lacks ${missing.join(', ')}.`, {
      configuration: name,
      missing,
    });
  const rest = Object.fromEntries(
    Object.entries(entry).filter(([field]) => !(OLD_FIELDS as readonly string[]).includes(field)),
  );
  return { ...rest, architecture: oldArchitecture(entry, name) };
}

function oldArchitecture(entry: ConfigurationEntry, name: string): ArchitectureEntry {
  const kind = String(entry['UNet_class_name']);
  const module = { PlainConvUNet: 'unet', ResidualEncoderUNet: 'residual_unet' }[kind];
  if (module === undefined)
    throw new PlanError(
      `plans: configuration ${name}: no network is called "${kind}". Known: PlainConvUNet, ResidualEncoderUNet.`,
      { configuration: name, network: kind },
    );
  const dimensions = entry.patch_size?.length;
  const encoder = entry['n_conv_per_stage_encoder'] as readonly number[];
  const [first, most] = [entry['UNet_base_num_features'] as number, entry['unet_max_num_features'] as number];
  return {
    network_class_name: `dynamic_network_architectures.architectures.${module}.${kind}`,
    arch_kwargs: {
      n_stages: encoder.length,
      features_per_stage: encoder.map((_, stage) => Math.min(first * 2 ** stage, most)),
      conv_op: `torch.nn.modules.conv.Conv${dimensions}d`,
      kernel_sizes: entry['conv_kernel_sizes'] as readonly (readonly number[])[],
      strides: entry['pool_op_kernel_sizes'] as readonly (readonly number[])[],
      ...(kind === 'PlainConvUNet' ? { n_conv_per_stage: encoder } : { n_blocks_per_stage: encoder }),
      n_conv_per_stage_decoder: entry['n_conv_per_stage_decoder'] as readonly number[],
      conv_bias: true,
      norm_op: `torch.nn.modules.instancenorm.InstanceNorm${dimensions}d`,
      norm_op_kwargs: { eps: 1e-5, affine: true },
      dropout_op: null,
      dropout_op_kwargs: null,
      nonlin: 'torch.nn.LeakyReLU',
      nonlin_kwargs: { inplace: true },
    },
    _kw_requires_import: ['conv_op', 'norm_op', 'dropout_op', 'nonlin'],
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPermutation(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && [0, 1, 2].every((axis) => value.includes(axis));
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
