/**
 * nnU-Net's checkpoints hold every block twice (`all_modules.…`) and the whole encoder again inside the decoder. Here are
 * all those names, in the order of the reference, for reading (duplicates dropped) and writing (duplicates made).
 */
import { WeightsError } from '../errors.ts';
import { parametersOf, type Module } from '../module/module.ts';
import type { NamedArray, Weights } from '../module/weights.ts';
import type { NetworkConfig } from '../network-config.ts';
import { buildNetwork } from './catalogue.ts';
import { plainEncoderName } from './plain-conv-unet/plain-conv-unet.weights.ts';
import { residualEncoderName } from './residual-encoder-unet/residual-encoder-unet.weights.ts';

/** One name of the reference's state dict, and ours for the same numbers. */
export interface StateDictEntry {
  readonly theirs: string;
  readonly ours: string;
  /** A repetition of an earlier one. */
  readonly alias: boolean;
  /** False for running statistics, of which the optimizer knows nothing. */
  readonly learned: boolean;
}

type Pair = Pick<StateDictEntry, 'theirs' | 'ours' | 'learned'>;

/** All names of the reference's state dict, in its order. Learned entries that are no alias stand in the order of its optimizer. */
export function stateDictEntries(
  config: NetworkConfig,
  network: Module = buildNetwork(config),
): readonly StateDictEntry[] {
  const pairs = [...parametersOf(network)].map(([ours, { learned }]): Pair => ({
    ours,
    theirs: referenceName(ours, config),
    learned,
  }));
  const starting = (prefix: string): Pair[] => pairs.filter(({ theirs }) => theirs.startsWith(prefix));
  const encoder = withInnerAliases(starting('encoder.'));
  const repeated = encoder.map((entry) => ({ ...entry, theirs: `decoder.${entry.theirs}`, alias: true }));
  const rest = ['decoder.stages.', 'decoder.transpconvs.', 'decoder.seg_layers.'].flatMap((prefix) =>
    withInnerAliases(starting(prefix)),
  );
  return [...encoder, ...repeated, ...rest];
}

/** PyTorch's names of what batch norm counts. */
const COUNTED: Readonly<Record<string, string>> = {
  runningMean: 'running_mean',
  runningVariance: 'running_var',
  batches: 'num_batches_tracked',
};

/** The reference's first name for one of our parameters. */
export function referenceName(ours: string, config: NetworkConfig): string {
  const norm = /^(.*\.norm)\.(\w+)$/.exec(ours);
  const counted = norm && COUNTED[norm[2]!];
  if (counted) return `${referenceName(`${norm[1]}.weight`, config).slice(0, -'weight'.length)}${counted}`;
  if (ours.startsWith('encoder.'))
    return config.network === 'PlainConvUNet' ? plainEncoderName(ours) : residualEncoderName(ours, config);
  return ours
    .replace(/^decoder\.stages\.(\d+)\.blocks\./, 'decoder.stages.$1.convs.')
    .replace(/^decoder\.stages\.(\d+)\.up\./, 'decoder.transpconvs.$1.')
    .replace(/^decoder\.stages\.(\d+)\.head\./, 'decoder.seg_layers.$1.');
}

/**
 * Picks our weights out of a reference state dict. Aliases are dropped; prefixes that wrappers leave (`module.`,
 * `_orig_mod.`) are ignored.
 *
 * Throws: WeightsError naming keys that belong to no parameter of this network, parameters without a key, tensors of
 * another shape (both shapes), and tensors that repeat another with other numbers.
 */
export function weightsFromStateDict(config: NetworkConfig, stateDict: ReadonlyMap<string, NamedArray>): Weights {
  const network = buildNetwork(config);
  const parameters = parametersOf(network);
  const entries = stateDictEntries(config, network);
  const known = new Map(entries.map((entry) => [entry.theirs, entry]));
  const found = new Map<string, NamedArray & { readonly key: string }>();
  const unknown: string[] = [];
  const misshapen: string[] = [];
  for (const [key, array] of stateDict) {
    const entry = known.get(key.replace(/^(module\.|_orig_mod\.)+/, ''));
    if (entry === undefined) {
      unknown.push(key);
      continue;
    }
    const { shape } = parameters.get(entry.ours)!;
    if (array.shape.join() !== shape.join())
      misshapen.push(`${key} is [${array.shape.join(', ')}], the plan's network has [${shape.join(', ')}]`);
    const first = found.get(entry.ours);
    if (first === undefined) found.set(entry.ours, { ...array, key });
    else if (misshapen.length === 0 && !sameNumbers(first.data, array.data))
      throw new WeightsError(
        `weightsFromStateDict: ${first.key} and ${key} are one tensor of the network, but hold different numbers; the checkpoint was changed by hand or is damaged.`,
        { names: [first.key, key] },
      );
  }
  const missing = entries.filter((entry) => !entry.alias && !found.has(entry.ours)).map((entry) => entry.theirs);
  if (unknown.length > 0 || missing.length > 0 || misshapen.length > 0) {
    const say = (what: string, names: readonly string[]): string =>
      names.length === 0
        ? ''
        : ` ${what}: ${names.slice(0, 4).join(what === 'Misshapen' ? '; ' : ', ')}${names.length > 4 ? ` and ${names.length - 4} more` : ''}.`;
    throw new WeightsError(
      `weightsFromStateDict: the checkpoint is not of a ${config.network} of this plan.${say('Misshapen', misshapen)}${say('Missing', missing)}${say('Unknown', unknown)} Take the plans.json that was saved with the checkpoint.`,
      { misshapen, missing, unknown },
    );
  }
  return new Map(
    entries
      .filter((entry) => !entry.alias)
      .map(({ ours }) => {
        const { shape, data } = found.get(ours)!;
        return [ours, { shape, data }];
      }),
  );
}

function sameNumbers(a: Float32Array, b: Float32Array): boolean {
  if (a.buffer === b.buffer && a.byteOffset === b.byteOffset) return true;
  // Many megabytes: a plain loop. NaN equals NaN here; it is refused elsewhere.
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i] && !(Number.isNaN(a[i]!) && Number.isNaN(b[i]!))) return false;
  return true;
}

/** All names of the reference's state dict with their numbers; aliases share arrays. */
export function stateDictFromWeights(config: NetworkConfig, weights: Weights): ReadonlyMap<string, NamedArray> {
  return new Map(
    stateDictEntries(config).map(({ theirs, ours }) => {
      const array = weights.get(ours);
      if (array === undefined) throw new WeightsError(`stateDictFromWeights: ${ours} is missing.`, { name: ours });
      return [theirs, array];
    }),
  );
}

/** After the tensors of a block stand the same again, under `all_modules.0` (conv) and `all_modules.1` (norm). */
function withInnerAliases(pairs: readonly Pair[]): StateDictEntry[] {
  const entries: StateDictEntry[] = [];
  const blockOf = (theirs: string): string | undefined => /^(.*)\.(?:conv|norm)\.\w+$/.exec(theirs)?.[1];
  pairs.forEach(({ theirs, ...rest }, k) => {
    entries.push({ ...rest, theirs, alias: false });
    const block = blockOf(theirs);
    const next = pairs[k + 1];
    if (block === undefined || (next !== undefined && blockOf(next.theirs) === block)) return;
    for (const member of pairs) {
      if (blockOf(member.theirs) !== block) continue;
      const inner = member.theirs
        .slice(block.length)
        .replace('.conv.', '.all_modules.0.')
        .replace('.norm.', '.all_modules.1.');
      entries.push({ ...member, theirs: block + inner, alias: true });
    }
  });
  return entries;
}
