/**
 * Folds: which cases train and which validate.
 *
 * Source: nnU-Net v2 (five folds shuffled with seed 12345, as scikit-learn's KFold does it); reproduces its
 * `splits_final.json`.
 */
import { NumpyRandomState } from '@voxelwise/compute';
import { SplitsError } from '../errors.ts';

export interface Split {
  readonly train: readonly string[];
  readonly val: readonly string[];
}

/** A fold by its number, or every case for both training and validation. */
export type Fold = number | 'all';

export interface MakeSplitsOptions {
  readonly folds?: number;
  readonly seed?: number;
}

/**
 * The reference's folds over the case names, sorted first: fold k validates the k-th chunk of a shuffled order, both
 * lists in ascending order.
 *
 * Throws: SplitsError if there are fewer cases than folds, or a name comes twice.
 */
export function makeSplits(cases: readonly string[], options: MakeSplitsOptions = {}): Split[] {
  const { folds = 5, seed = 12345 } = options;
  const names = sortedNames(cases);
  if (!Number.isInteger(folds) || folds < 2 || names.length < folds)
    throw new SplitsError(
      `splits: ${folds} folds need at least ${folds} (and two) cases, came ${names.length}. Use fold "all", or fewer folds.`,
      { folds, cases: names.length },
    );
  const order = new NumpyRandomState(seed).permutation(names.length);
  const splits: Split[] = [];
  for (let k = 0, start = 0; k < folds; k++) {
    const size = Math.floor(names.length / folds) + (k < names.length % folds ? 1 : 0);
    const chosen = new Set(order.subarray(start, start + size));
    splits.push({ train: names.filter((_, i) => !chosen.has(i)), val: names.filter((_, i) => chosen.has(i)) });
    start += size;
  }
  return splits;
}

/**
 * The cases of one fold. Beyond the folds given: a random 80:20 split seeded with 12345 + fold, training cases in the
 * order drawn, as the reference does it. `all`: everything trains and everything validates.
 */
export function splitForFold(splits: readonly Split[], fold: Fold, cases: readonly string[]): Split {
  const names = sortedNames(cases);
  if (fold === 'all') return { train: names, val: names };
  if (!Number.isInteger(fold) || fold < 0)
    throw new SplitsError(`splits: a fold is "all" or a whole number from 0 up, came ${String(fold)}.`, { fold });
  const split = splits[fold];
  if (split !== undefined) return split;
  const drawn = new NumpyRandomState(12345 + fold).choiceWithoutReplacement(
    names.length,
    Math.floor(names.length * 0.8),
  );
  const chosen = new Set(drawn);
  return { train: Array.from(drawn, (i) => names[i]!), val: names.filter((_, i) => !chosen.has(i)) };
}

export interface GroupedSplitsOptions extends MakeSplitsOptions {
  /** Case → group (a patient, a site): a group never appears on both sides. Cases without one stand alone. */
  readonly groups?: Readonly<Record<string, string>>;
  /** Cases that train in every fold and validate in none, such as difficult ones. */
  readonly alwaysTrain?: readonly string[];
}

/**
 * Folds that keep groups together and force some cases into training.
 *
 * Groups are shuffled, then each goes to the fold with the fewest cases so far; with neither option this is
 * `makeSplits`. Throws: SplitsError if fewer groups than folds are left to validate, or a forced case is unknown.
 */
export function makeGroupedSplits(cases: readonly string[], options: GroupedSplitsOptions = {}): Split[] {
  const { folds = 5, seed = 12345, groups, alwaysTrain = [] } = options;
  const names = sortedNames(cases);
  const forced = new Set(alwaysTrain);
  const unknown = [...forced].filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new SplitsError(`splits: ${unknown.join(', ')} should always train, but the data set has no such case.`, {
      unknown,
    });
  if (groups === undefined && forced.size === 0) return makeSplits(names, options);

  const members = new Map<string, string[]>();
  for (const name of names) {
    const key = groups !== undefined && Object.hasOwn(groups, name) ? `group ${groups[name]}` : `case ${name}`;
    members.set(key, [...(members.get(key) ?? []), name]);
  }
  // A group with a forced case trains as a whole, or it would stand on both sides.
  const free = [...members.values()].filter((group) => !group.some((name) => forced.has(name)));
  if (free.length < folds)
    throw new SplitsError(
      `splits: ${folds} folds need at least ${folds} groups to validate, ${free.length} are left.`,
      {
        folds,
        groups: free.length,
      },
    );
  const validation: string[][] = Array.from({ length: folds }, () => []);
  const shuffled = Array.from(new NumpyRandomState(seed).permutation(free.length), (i) => free[i]!);
  for (const group of shuffled.sort((a, b) => b.length - a.length))
    validation.reduce((least, fold) => (fold.length < least.length ? fold : least)).push(...group);
  return validation.map((chosen) => ({
    train: names.filter((name) => !chosen.includes(name)),
    val: names.filter((name) => chosen.includes(name)),
  }));
}

/**
 * Folds that a data set's description assigns, as MONAI's datalists do: split k validates the cases of the k-th fold
 * number, ascending; undefined where a case has none, or all have the same.
 */
export function assignedSplits(cases: readonly { readonly id: string; readonly fold?: number }[]): Split[] | undefined {
  const folds = [...new Set(cases.map(({ fold }) => fold))];
  if (folds.length < 2 || folds.includes(undefined)) return undefined;
  const names = (chosen: typeof cases): string[] => sortedNames(chosen.map(({ id }) => id));
  return (folds as number[])
    .sort((a, b) => a - b)
    .map((number) => ({
      train: names(cases.filter(({ fold }) => fold !== number)),
      val: names(cases.filter(({ fold }) => fold === number)),
    }));
}

/**
 * Reads splits a user wrote (`splits_final.json`).
 *
 * Throws: SplitsError if the value is not a list of `{train, val}`, a fold is empty, has a case on both sides or twice,
 * or names a case that is not in `cases`.
 */
export function checkSplits(value: unknown, cases: readonly string[]): Split[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new SplitsError(`splits: expected a list of {"train": [...], "val": [...]}, came ${brief(value)}.`, {});
  const known = new Set(cases);
  return value.map((split: unknown, fold) => {
    const { train, val } = (split ?? {}) as Record<string, unknown>;
    if (!isNames(train) || !isNames(val))
      throw new SplitsError(
        `splits: fold ${fold} must hold two non-empty lists of case names, "train" and "val", came ${brief(split)}.`,
        { fold },
      );
    const all = [...train, ...val];
    const twice = all.find((name, i) => all.indexOf(name) !== i);
    if (twice !== undefined)
      throw new SplitsError(`splits: fold ${fold} names ${twice} twice; a case either trains or validates.`, {
        fold,
        case: twice,
      });
    const missing = all.filter((name) => !known.has(name));
    if (missing.length > 0)
      throw new SplitsError(
        `splits: fold ${fold} names ${missing.length} case(s) the data set does not have: ${missing.slice(0, 5).join(', ')}.`,
        { fold, missing },
      );
    return { train, val };
  });
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string');
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Byte order, as Python sorts names. */
function sortedNames(cases: readonly string[]): string[] {
  const names = [...cases].sort(byCodePoint);
  const twice = names.find((name, i) => i > 0 && names[i - 1] === name);
  if (twice !== undefined) throw new SplitsError(`splits: the case ${twice} comes twice.`, { case: twice });
  return names;
}

function byCodePoint(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
