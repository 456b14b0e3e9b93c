import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SplitsError } from '../errors.ts';
import { assignedSplits, checkSplits, makeGroupedSplits, makeSplits, type Split, splitForFold } from './splits.ts';

interface Golden {
  readonly keys: readonly string[];
  readonly splits: readonly Split[];
  readonly fold_beyond_file_80_20: Record<string, Split>;
}
const golden = JSON.parse(
  readFileSync(new URL('../../fixtures/splits/splits.json', import.meta.url), 'utf8'),
) as readonly Golden[];

describe('makeSplits', () => {
  it.each(golden)(
    'makes the folds of the reference for $keys.length cases',
    ({ keys, splits, fold_beyond_file_80_20 }) => {
      expect(makeSplits(keys)).toEqual(splits);
      expect(makeSplits([...keys].reverse())).toEqual(splits);
      for (const [fold, split] of Object.entries(fold_beyond_file_80_20))
        expect(splitForFold(splits, Number(fold), keys)).toEqual(split);
    },
  );

  it('says what to do with too few cases', () => {
    expect(() => makeSplits(['a', 'b', 'c'])).toThrow(SplitsError);
    expect(() => makeSplits(['a', 'b', 'c'])).toThrow(/5 folds .* came 3.*fold "all"/);
    expect(() => makeSplits(['a', 'b', 'c', 'd', 'a'])).toThrow(/a comes twice/);
  });
});

describe('splitForFold', () => {
  it('trains and validates on everything for fold all', () => {
    expect(splitForFold([], 'all', ['b', 'a'])).toEqual({ train: ['a', 'b'], val: ['a', 'b'] });
  });
  it('refuses a negative fold', () => expect(() => splitForFold([], -1, ['a'])).toThrow(SplitsError));
});

describe('makeGroupedSplits', () => {
  const cases = Array.from({ length: 23 }, (_, i) => `case_${String(i).padStart(2, '0')}`);
  const groups = Object.fromEntries(cases.map((name, i) => [name, `patient ${Math.floor(i / 3)}`]));

  it('keeps groups on one side, forced cases (and their group) in training, everyone else validated once', () => {
    const splits = makeGroupedSplits(cases, { groups, alwaysTrain: ['case_04'] });
    const validated = splits.flatMap((split) => split.val).sort();
    expect(validated).toEqual(cases.filter((name) => groups[name] !== 'patient 1'));
    for (const { train, val } of splits) {
      expect([...train, ...val].sort()).toEqual(cases);
      const sides = new Set(val.map((name) => groups[name]));
      expect(train.some((name) => sides.has(groups[name]))).toBe(false);
    }
  });

  it('is makeSplits without groups and forced cases', () => {
    expect(makeGroupedSplits(cases)).toEqual(makeSplits(cases));
  });

  it('refuses unknown forced cases and too few groups', () => {
    expect(() => makeGroupedSplits(cases, { alwaysTrain: ['nobody'] })).toThrow(/nobody should always train/);
    expect(() => makeGroupedSplits(cases, { groups, folds: 9 })).toThrow(/9 folds need at least 9 groups/);
  });
});

describe('assignedSplits', () => {
  it('validates the cases of each fold number in turn', () => {
    const cases = [2, 0, 2, 7].map((fold, i) => ({ id: `case ${3 - i}`, fold }));
    expect(assignedSplits(cases)).toEqual([
      { train: ['case 0', 'case 1', 'case 3'], val: ['case 2'] },
      { train: ['case 0', 'case 2'], val: ['case 1', 'case 3'] },
      { train: ['case 1', 'case 2', 'case 3'], val: ['case 0'] },
    ]);
    expect(assignedSplits([...cases, { id: 'unassigned' }])).toBeUndefined();
    expect(assignedSplits(cases.map(({ id }) => ({ id, fold: 0 })))).toBeUndefined();
  });
});

describe('checkSplits', () => {
  it('passes a good file through', () => {
    const file = [{ train: ['a'], val: ['b'] }];
    expect(checkSplits(file, ['a', 'b', 'c'])).toEqual(file);
  });
  it.each([
    [{}, /expected a list/],
    [[{ train: ['a'] }], /fold 0 must hold two non-empty lists/],
    [[{ train: ['a'], val: ['a'] }], /names a twice/],
    [[{ train: ['a'], val: ['z'] }], /does not have: z/],
  ])('refuses %j', (file, message) => expect(() => checkSplits(file, ['a', 'b'])).toThrow(message));
});
