/** Starting from somebody's weights: which of them fit, which are started afresh, and a report of both. */
import { buildNetwork, parametersOf, type Module, type NetworkConfig, type Weights } from '@voxelwise/nets';
import { TrainingError } from '../errors.ts';

export interface PretrainedOptions {
  /** Parameters that keep their fresh start though the weights have them. Default: the heads, as nnU-Net has it. */
  readonly reinit?: (name: string) => boolean;
  /** Where the network is not one of the catalogue. */
  readonly build?: (config: NetworkConfig) => Module;
}

export interface PretrainedMatch {
  /** What to start from, by our names. */
  readonly weights: Weights;
  readonly report: {
    readonly loaded: readonly string[];
    readonly reinitialized: readonly string[];
    /** In the file, not in the network. */
    readonly unused: readonly string[];
  };
}

/** Heads map features to one data set's labels; others have other labels. */
export const isHead = (name: string): boolean => /\.head\./.test(name);

/**
 * Throws: TrainingError naming every parameter that is neither there in its shape nor to be started afresh.
 * Source: nnU-Net v2's rule for `-pretrained_weights`: all but the segmentation layers must fit.
 */
export function matchPretrained(
  config: NetworkConfig,
  given: Weights,
  { reinit = isHead, build = buildNetwork }: PretrainedOptions = {},
): PretrainedMatch {
  const parameters = parametersOf(build(config));
  const faults: string[] = [];
  const weights = new Map<string, NonNullable<ReturnType<Weights['get']>>>();
  const reinitialized: string[] = [];
  for (const [name, { shape }] of parameters) {
    const came = given.get(name);
    if (reinit(name)) reinitialized.push(name);
    else if (came === undefined) faults.push(`${name} [${shape.join(', ')}] is missing`);
    else if (came.shape.join() !== shape.join())
      faults.push(`${name} is [${came.shape.join(', ')}], the network's [${shape.join(', ')}]`);
    else weights.set(name, came);
  }
  if (faults.length > 0)
    throw new TrainingError(
      `matchPretrained: the weights do not fit the network: ${faults.slice(0, 4).join('; ')}${faults.length > 4 ? `; and ${faults.length - 4} more` : ''}. Train with the plan they were made with, or start these afresh (reinit).`,
      { faults },
    );
  return {
    weights,
    report: {
      loaded: [...weights.keys()],
      reinitialized,
      unused: [...given.keys()].filter((name) => !parameters.has(name)),
    },
  };
}

/** Whether a name matches a pattern in which `*` stands for anything: `encoder.stages.0.*`. */
export function matchesPattern(name: string, pattern: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`).test(name);
}
