/** The plain-JSON description of a network, and how nnU-Net's `architecture` section becomes one. */
import { NetworkError } from './errors.ts';

/** Sizes per spatial axis, slowest first: two or three numbers. */
export type Extent = readonly number[];

/** A U-Net as data. Lists run from the full resolution down; decoder lists from the lowest decoder stage up. */
export interface NetworkConfig {
  /** A name of the catalogue. */
  readonly network: 'PlainConvUNet' | 'ResidualEncoderUNet';
  readonly inputChannels: number;
  /** Logits: labels with background, or regions. */
  readonly outputChannels: number;
  readonly featuresPerStage: readonly number[];
  readonly kernelSizes: readonly Extent[];
  readonly strides: readonly Extent[];
  /** Convolutions (plain) or residual blocks (residual) per encoder stage. */
  readonly encoderDepths: readonly number[];
  readonly decoderDepths: readonly number[];
  readonly convolutionBias: boolean;
  readonly normEpsilon: number;
  /** Absent: instance normalization. */
  readonly normalization?: 'batch';
  /** Of the leaky ReLU. */
  readonly slope: number;
}

const NAMES = ['PlainConvUNet', 'ResidualEncoderUNet'] as const;

/**
 * Reads nnU-Net's `architecture` of a configuration.
 *
 * Throws: NetworkError for an unknown network, conv, norm or activation (naming the known ones), or lists of unequal length.
 * Source: nnU-Net v2 plans.json; older files name `…residual_unet.ResidualEncoderUNet`, so only the last component counts.
 */
export function networkConfig(
  architecture: { readonly network_class_name: string; readonly arch_kwargs: object },
  channels: { readonly inputChannels: number; readonly outputChannels: number },
): NetworkConfig {
  const kwargs = architecture.arch_kwargs as Readonly<Record<string, unknown>>;
  const name = architecture.network_class_name.split('.').at(-1)!;
  const network = NAMES.find((known) => known === name);
  if (network === undefined)
    throw new NetworkError(
      `networkConfig: no network is called ${architecture.network_class_name}; known are ${NAMES.join(', ')}.`,
      { network: architecture.network_class_name, known: NAMES },
    );
  const stages = count(kwargs, 'n_stages');
  const dimensions = String(kwargs['conv_op']).endsWith('Conv2d')
    ? 2
    : String(kwargs['conv_op']).endsWith('Conv3d')
      ? 3
      : undefined;
  if (dimensions === undefined)
    throw new NetworkError(`networkConfig: conv_op must be Conv2d or Conv3d, came ${String(kwargs['conv_op'])}.`, {
      field: 'conv_op',
    });
  requireEnding(kwargs, 'norm_op', ['InstanceNorm2d', 'InstanceNorm3d', 'BatchNorm2d', 'BatchNorm3d']);
  requireEnding(kwargs, 'nonlin', ['LeakyReLU']);
  if (kwargs['dropout_op'] !== null && kwargs['dropout_op'] !== undefined)
    throw new NetworkError('networkConfig: dropout_op must be null; networks with dropout are not built here.', {
      field: 'dropout_op',
    });
  refuseOthers(kwargs, network);
  const norm = (kwargs['norm_op_kwargs'] ?? {}) as { eps?: number; affine?: boolean };
  if (norm.affine === false)
    throw new NetworkError('networkConfig: norm_op_kwargs.affine must be true, as nnU-Net plans it.', {
      field: 'norm_op_kwargs',
    });
  const depths = network === 'PlainConvUNet' ? 'n_conv_per_stage' : 'n_blocks_per_stage';
  return {
    network,
    ...channels,
    featuresPerStage: numbers(kwargs, 'features_per_stage', stages),
    kernelSizes: extents(kwargs, 'kernel_sizes', stages, dimensions),
    strides: extents(kwargs, 'strides', stages, dimensions),
    encoderDepths: numbers(kwargs, depths, stages),
    decoderDepths: numbers(kwargs, 'n_conv_per_stage_decoder', stages - 1),
    convolutionBias: kwargs['conv_bias'] === true,
    normEpsilon: norm.eps ?? 1e-5,
    ...(/BatchNorm[23]d$/.test(String(kwargs['norm_op'])) ? { normalization: 'batch' as const } : {}),
    slope: ((kwargs['nonlin_kwargs'] ?? {}) as { negative_slope?: number }).negative_slope ?? 0.01,
  };
}

/** Read above; `deep_supervision` is the trainer's to choose, and `dropout_op_kwargs` belong to no dropout. */
const ARGUMENTS: readonly string[] = [
  'n_stages',
  'features_per_stage',
  'conv_op',
  'kernel_sizes',
  'strides',
  'n_conv_per_stage_decoder',
  'conv_bias',
  'norm_op',
  'norm_op_kwargs',
  'dropout_op',
  'dropout_op_kwargs',
  'nonlin',
  'nonlin_kwargs',
  'deep_supervision',
];

/** An argument that is passed over would build another network than the plans mean; null and false ask for nothing. */
function refuseOthers(kwargs: Readonly<Record<string, unknown>>, network: NetworkConfig['network']): void {
  const depths = network === 'PlainConvUNet' ? 'n_conv_per_stage' : 'n_blocks_per_stage';
  const known = [...ARGUMENTS, depths];
  const other = Object.keys(kwargs).find(
    (name) => !known.includes(name) && kwargs[name] !== null && kwargs[name] !== false,
  );
  if (other !== undefined)
    throw new NetworkError(
      `networkConfig: a ${network} with ${other} ${JSON.stringify(kwargs[other])} is not built here; it takes ${known.join(', ')}.`,
      { field: other, known },
    );
}

function count(kwargs: Readonly<Record<string, unknown>>, field: string): number {
  const value = kwargs[field];
  if (!Number.isInteger(value) || (value as number) < 2)
    throw new NetworkError(`networkConfig: ${field} must be a whole number from 2 on, came ${String(value)}.`, {
      field,
    });
  return value as number;
}

/** One number per stage; a single number stands for all of them, as in the reference. */
function numbers(kwargs: Readonly<Record<string, unknown>>, field: string, length: number): number[] {
  const value = kwargs[field];
  const list = typeof value === 'number' ? new Array<number>(length).fill(value) : value;
  if (!Array.isArray(list) || list.length !== length || !list.every((n) => Number.isInteger(n) && n > 0))
    throw new NetworkError(
      `networkConfig: ${field} must list ${length} positive whole numbers, one per stage, came ${JSON.stringify(value)}.`,
      { field, expected: length },
    );
  return list as number[];
}

function extents(
  kwargs: Readonly<Record<string, unknown>>,
  field: string,
  length: number,
  dimensions: number,
): number[][] {
  const value = kwargs[field];
  const list = Array.isArray(value)
    ? value.map((row) => (typeof row === 'number' ? new Array<number>(dimensions).fill(row) : (row as unknown)))
    : value;
  const fits =
    Array.isArray(list) &&
    list.length === length &&
    list.every(
      (row) => Array.isArray(row) && row.length === dimensions && row.every((n) => Number.isInteger(n) && n > 0),
    );
  if (!fits)
    throw new NetworkError(
      `networkConfig: ${field} must list ${length} rows of ${dimensions} positive whole numbers, came ${JSON.stringify(value)}.`,
      { field, expected: [length, dimensions] },
    );
  return list as number[][];
}

function requireEnding(kwargs: Readonly<Record<string, unknown>>, field: string, known: readonly string[]): void {
  const value = String(kwargs[field]);
  if (!known.some((name) => value.split('.').at(-1) === name))
    throw new NetworkError(`networkConfig: ${field} must be one of ${known.join(', ')}, came ${value}.`, {
      field,
      known,
    });
}
