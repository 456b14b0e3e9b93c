import { describe, expect, it } from 'vitest';
import { WeightsError } from '../errors.ts';
import { parameterCount, parametersOf } from '../module/module.ts';
import type { NamedArray } from '../module/weights.ts';
import { GOLDEN_NETWORKS, goldenNetwork } from '../testing/golden-network.ts';
import { buildNetwork } from './catalogue.ts';
import { stateDictEntries, stateDictFromWeights, weightsFromStateDict } from './state-dict.ts';

describe.each(GOLDEN_NETWORKS)('%s', (name) => {
  const golden = goldenNetwork(name);
  const network = buildNetwork(golden.config);

  it('has the reference count of parameters', () => {
    expect(parameterCount(network)).toBe(golden.parameterCount);
  });

  it('names every key of the state dict, aliases included, in order and shape', () => {
    const parameters = parametersOf(network);
    const ours = stateDictEntries(golden.config).map(({ theirs, ours }) => [theirs, parameters.get(ours)!.shape]);
    expect(ours).toEqual(golden.stateDict);
  });

  it('lists what is no alias in the order of the optimizer', () => {
    const order = stateDictEntries(golden.config).filter((entry) => !entry.alias);
    expect(order.map((entry) => entry.theirs)).toEqual(golden.optimizerOrder);
  });

  it('reads its own writing, wrapper prefixes or not', () => {
    const written = stateDictFromWeights(golden.config, golden.weights);
    expect(written.size).toBe(golden.stateDict.length);
    const wrapped = new Map([...written].map(([key, array]) => [`module.${key}`, array]));
    expect(weightsFromStateDict(golden.config, wrapped)).toEqual(golden.weights);
  });
});

it('refuses tensors of another shape, and repetitions with other numbers, by name', () => {
  const { config, weights } = goldenNetwork('plain2d');
  const changed = (theirs: string, change: (array: NamedArray) => NamedArray) => (): unknown => {
    const dict = new Map(stateDictFromWeights(config, weights));
    return weightsFromStateDict(config, dict.set(theirs, change(dict.get(theirs)!)));
  };
  const alias = 'decoder.encoder.stages.0.0.convs.0.all_modules.0.weight';
  const wide = ({ shape: [out, ...rest], data }: NamedArray): NamedArray => ({
    shape: [2 * out!, ...rest],
    data: Float32Array.from([...data, ...data]),
  });
  expect(changed(alias, wide)).toThrow(
    /Misshapen: decoder\.encoder\.\S+ is \[\d+, \d+, 3, 3\], the plan's network has \[\d+, \d+, 3, 3\]/,
  );
  const other = ({ shape, data }: NamedArray): NamedArray => ({ shape, data: data.map((x) => x + 1) });
  expect(changed(alias, other)).toThrow(/convs\.0\.conv\.weight and decoder\.\S+ are one tensor .* different numbers/);
  expect(changed(alias, ({ shape, data }) => ({ shape, data: data.slice() }))).not.toThrow();
});

it('refuses the state dict of another network and names what is missing', () => {
  const plain = goldenNetwork('plain3d_iso');
  const residual = goldenNetwork('resenc3d_iso');
  const load = (): unknown => weightsFromStateDict(residual.config, plain.stateDictArrays());
  expect(load).toThrow(WeightsError);
  expect(load).toThrow(/Missing: encoder\.stem\.convs\.0\.conv\.weight/);
});
