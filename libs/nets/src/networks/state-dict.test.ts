import { describe, expect, it } from 'vitest';
import { WeightsError } from '../errors.ts';
import { parameterCount, parametersOf } from '../module/module.ts';
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

it('refuses the state dict of another network and names what is missing', () => {
  const plain = goldenNetwork('plain3d_iso');
  const residual = goldenNetwork('resenc3d_iso');
  const load = (): unknown => weightsFromStateDict(residual.config, plain.stateDictArrays());
  expect(load).toThrow(WeightsError);
  expect(load).toThrow(/Missing: encoder\.stem\.convs\.0\.conv\.weight/);
});
