/** Weights to start from: which parameters they fill, which start afresh, which stay as they are. */
import { pretrainedWeights, type BuildNetwork } from '@voxelwise/inference';
import { buildNetwork, parametersOf, referenceName } from '@voxelwise/nets';
import type { ConfigurationPlan } from '@voxelwise/planner';
import { isHead, matchesPattern, matchPretrained, type PretrainedMatch, type TrainOptions } from '@voxelwise/training';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, sha256 } from '../files.ts';

export interface PretrainedFlags {
  readonly pretrained?: string;
  readonly freeze?: readonly string[];
  readonly reinit?: readonly string[];
}

export interface PretrainedStart {
  readonly pretrained: NonNullable<TrainOptions['pretrained']>;
  readonly report: PretrainedMatch['report'] & { readonly file: string; readonly frozen: readonly string[] };
  /** What tells this start from another, for resuming. */
  readonly identity: string;
}

/**
 * Patterns go by our names or nnU-Net's. The heads always start afresh, as in nnU-Net, unless --reinit is `none`.
 *
 * Throws: TrainingError naming each parameter that does not fit; FormatError; CommandUsageError for a pattern without match.
 */
export async function readPretrained(
  flags: PretrainedFlags,
  { network }: ConfigurationPlan,
  build?: BuildNetwork,
): Promise<PretrainedStart | undefined> {
  const { pretrained: file, freeze = [], reinit = [] } = flags;
  if (file === undefined) {
    if (freeze.length + reinit.length > 0)
      throw new CommandUsageError(
        '--freeze and --reinit need --pretrained: without it every parameter starts afresh and learns',
      );
    return undefined;
  }
  if (!exists(file)) throw new InputError('missing-file', `${file}: there is no such checkpoint.`, resolve(file));
  const names = [...parametersOf((build ?? buildNetwork)(network)).keys()];
  const matching = (flag: string, patterns: readonly string[]): ((name: string) => boolean) => {
    const matches = (name: string, pattern: string): boolean =>
      matchesPattern(name, pattern) || (build === undefined && matchesPattern(referenceName(name, network), pattern));
    const idle = patterns.find((pattern) => !names.some((name) => matches(name, pattern)));
    if (idle !== undefined)
      throw new CommandUsageError(
        `${flag} ${idle}: matches no parameter; they are called ${names.slice(0, 3).join(', ')} … ${names.at(-1)!}`,
      );
    return (name) => patterns.some((pattern) => matches(name, pattern));
  };
  const all = reinit.includes('none');
  const afresh = matching(
    '--reinit',
    reinit.filter((pattern) => pattern !== 'none'),
  );
  const frozen = matching('--freeze', freeze);
  const weights = await pretrainedWeights(await readFile(file), file, network);
  const match = matchPretrained(network, weights, {
    reinit: (name) => (!all && isHead(name)) || afresh(name),
    ...(build ? { build } : {}),
  });
  return {
    pretrained: { weights: match.weights, freeze: frozen },
    report: { file, ...match.report, frozen: names.filter(frozen) },
    identity: JSON.stringify([await sha256(file), freeze, reinit]),
  };
}

/** The report in a few lines. */
export function describePretrained({ file, loaded, reinitialized, unused, frozen }: PretrainedStart['report']): string {
  const line = (what: string, names: readonly string[]): string =>
    names.length === 0
      ? ''
      : `\n  ${what} ${names.length}: ${names.slice(0, 4).join(', ')}${names.length > 4 ? ' …' : ''}`;
  return `pretrained from ${file}:${line('loaded', loaded)}${line('started afresh', reinitialized)}${line('frozen', frozen)}${line('in the file, not in the network', unused)}`;
}
