/** Reads the golden networks of `fixtures/`, for tests. */
import { readFileSync } from 'node:fs';
import type { NamedArray, Weights } from '../module/weights.ts';
import { networkConfig, type NetworkConfig } from '../network-config.ts';
import { stateDictEntries } from '../networks/state-dict.ts';

export const GOLDEN_NETWORKS = [
  'plain2d',
  'plain3d_aniso',
  'plain3d_iso',
  'resenc2d_regions',
  'resenc3d_aniso_same_feats',
  'resenc3d_iso',
] as const;

export interface GoldenNetwork {
  readonly architecture: { readonly network_class_name: string; readonly arch_kwargs: object };
  readonly patch: readonly number[];
  readonly batchDice: boolean;
  readonly labels: Readonly<Record<string, number | readonly number[]>>;
  readonly regionsClassOrder: readonly number[] | null;
  readonly channels: number;
  readonly parameterCount: number;
  readonly optimizerOrder: readonly string[];
  readonly stateDict: readonly (readonly [string, readonly number[]])[];
  readonly weightOrder: readonly (readonly [string, readonly number[]])[];
  readonly trace: {
    readonly learningRates: readonly number[];
    readonly losses: readonly number[];
    readonly gradientNorms: readonly number[];
    readonly deepSupervisionWeights: readonly number[];
    readonly weightsAfter5: Readonly<Record<string, { readonly l2: number; readonly first: readonly number[] }>>;
  };
  /** A stored array as numbers; undefined if the golden has none of that name. */
  array(
    name: string,
  ): { readonly shape: readonly number[]; readonly data: Float32Array | Int16Array | Uint8Array } | undefined;
  /** The checkpoint's weights under the reference's names, without aliases. */
  stateDictArrays(flat?: 'weights' | 'weights_after_iter5'): ReadonlyMap<string, NamedArray>;
  readonly config: NetworkConfig;
  readonly weights: Weights;
}

export function goldenNetwork(name: (typeof GOLDEN_NETWORKS)[number]): GoldenNetwork {
  const folder = new URL('../../fixtures/', import.meta.url);
  const json = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Omit<
    GoldenNetwork,
    'array' | 'stateDictArrays' | 'config' | 'weights'
  > & {
    arrays: Record<string, { dtype: string; shape: number[]; offset: number }>;
  };
  const bytes = Uint8Array.from(readFileSync(new URL(`${name}.bin`, folder))).buffer;
  const outputChannels = (json.arrays['logits_ds0'] as { shape: number[] }).shape[1]!;
  const config = networkConfig(json.architecture, { inputChannels: json.channels, outputChannels });
  const array: GoldenNetwork['array'] = (key) => {
    const row = json.arrays[key];
    if (row === undefined) return undefined;
    const length = row.shape.reduce((product, n) => product * n, 1);
    const Kind = row.dtype === 'float32' ? Float32Array : row.dtype === 'int16' ? Int16Array : Uint8Array;
    return { shape: row.shape, data: new Kind(bytes, row.offset, length) };
  };
  const stateDictArrays: GoldenNetwork['stateDictArrays'] = (flat = 'weights') => {
    const numbers = array(flat)!.data as Float32Array;
    const shapes = new Map(json.stateDict.map(([key, shape]) => [key, shape]));
    let at = 0;
    return new Map(
      json.optimizerOrder.map((key) => {
        const shape = shapes.get(key)!;
        const length = shape.reduce((product, n) => product * n, 1);
        at += length;
        return [key, { shape, data: numbers.slice(at - length, at) }];
      }),
    );
  };
  const theirs = stateDictArrays();
  const weights = new Map(
    stateDictEntries(config)
      .filter((entry) => !entry.alias)
      .map((entry) => [entry.ours, theirs.get(entry.theirs)!]),
  );
  return { ...json, array, stateDictArrays, config, weights };
}
