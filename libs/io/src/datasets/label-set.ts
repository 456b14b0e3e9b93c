/** The label names of a data set and all that follows from them: classes or overlapping regions, the ignore label, network heads. */
import { DatasetError } from '../errors.ts';

/** One class, or the classes that make up a region. */
export type LabelValue = number | readonly number[];

/** Plain values. Source: nnU-Net v2's label semantics (Isensee 2021 and the documentation of its dataset.json). */
export interface LabelSet {
  /** As declared, in order, the ignore label included. */
  readonly names: Readonly<Record<string, LabelValue>>;
  /** Every class number but the ignore label, ascending; begins with 0. */
  readonly all: readonly number[];
  /** `all` without the background. */
  readonly foreground: readonly number[];
  /** Voxels with this number are not learned from and not scored. */
  readonly ignore: number | undefined;
  /** Overlapping targets in declaration order, when any entry joins several classes. */
  readonly regions: readonly LabelValue[] | undefined;
  /** The class number that each region writes, in the order of writing. */
  readonly regionsClassOrder: readonly number[] | undefined;
  /** Output channels of a network: one per region, or one per class. */
  readonly heads: number;
  readonly nonlinearity: 'softmax' | 'sigmoid';
}

const isWhole = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value);

/**
 * Checks a dataset.json's `labels` (nnU-Net v2: name → number or list of numbers) and `regions_class_order`.
 *
 * Throws: DatasetError naming the entry: no background, numbers that are not whole or below 0, an ignore label that is not
 * the highest, a class order that does not fit the regions.
 */
export function labelSet(
  labels: unknown,
  { regionsClassOrder, file }: { readonly regionsClassOrder?: unknown; readonly file?: string } = {},
): LabelSet {
  const fail = (message: string, details: Readonly<Record<string, unknown>> = {}): never => {
    throw new DatasetError(`${file ?? 'dataset.json'}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      details,
    });
  };
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels))
    return fail('"labels" must map names to numbers, such as {"background": 0, "tumor": 1}.', { labels });
  const entries = Object.entries(labels as Record<string, unknown>).map(
    ([name, value]): readonly [string, LabelValue] => {
      if (isWhole(value) && value >= 0) return [name, value];
      if (Array.isArray(value) && value.length > 0 && value.every((v) => isWhole(v) && v >= 0))
        return [name, value as readonly number[]];
      return fail(
        `label "${name}" is ${JSON.stringify(value)}; a whole number from 0 on, or a list of them, was expected.${
          typeof value === 'string' && /^\d+$/.test(name)
            ? ` nnU-Net v2 writes the name first: {"${value}": ${name}}.`
            : ''
        }`,
        { name, value },
      );
    },
  );
  const names = Object.fromEntries(entries);
  if (names['background'] !== 0)
    return fail(`"labels" needs "background": 0; it says ${JSON.stringify(names['background'] ?? null)}.`, { names });
  const ignore = names['ignore'];
  const real = entries.filter(([name]) => name !== 'ignore');
  const all = [...new Set(real.flatMap(([, value]) => value))].sort((a, b) => a - b);
  if (ignore !== undefined && ignore !== all[all.length - 1]! + 1)
    return fail(
      `the ignore label is ${JSON.stringify(ignore)}; it must be one number, the highest plus one: ${all[all.length - 1]! + 1}.`,
      { ignore },
    );
  const foreground = all.filter((v) => v !== 0);
  const hasRegions = real.some(([, value]) => typeof value !== 'number' && value.length > 1);
  const regions = hasRegions
    ? real.map(([, value]) => value).filter((v) => !(v === 0 || (Array.isArray(v) && v.every((n) => n === 0))))
    : undefined;
  const order = regions ? checkOrder(regions, regionsClassOrder) : undefined;
  return {
    names,
    all,
    foreground,
    regions,
    ignore: ignore as number | undefined,
    regionsClassOrder: order,
    heads: regions ? regions.length : all.length,
    nonlinearity: regions ? 'sigmoid' : 'softmax',
  };

  function checkOrder(targets: readonly LabelValue[], given: unknown): readonly number[] {
    if (Array.isArray(given) && given.length === targets.length && given.every(isWhole))
      return given as readonly number[];
    return fail(
      `regions need "regions_class_order": ${targets.length} numbers, one per region in the order of "labels"; it says ${JSON.stringify(given ?? null)}.`,
      { regionsClassOrder: given },
    );
  }
}

/** Labels as nnU-Net v1 and MSD write them (number → name), turned around. Throws: DatasetError. */
export function labelSetFromNumbers(labels: unknown, file?: string): LabelSet {
  const entries = Object.entries((typeof labels === 'object' && labels) || {});
  const named = entries.map(([number, name]): readonly [string, number] => {
    if (!/^\d+$/.test(number) || typeof name !== 'string')
      throw new DatasetError(
        `${file ?? 'dataset.json'}: "labels" maps ${JSON.stringify(number)} to ${JSON.stringify(name)}; a number was expected to map to a name.`,
        { ...(file === undefined ? {} : { file }) },
      );
    return [Number(number) === 0 ? 'background' : name, Number(number)];
  });
  const seen = new Map<string, number>();
  // two numbers may carry one name: the number tells them apart
  for (const [name, value] of named)
    seen.set(seen.has(name) || (name === 'background' && value !== 0) ? `${name} ${value}` : name, value);
  if (!seen.has('background')) seen.set('background', 0);
  return labelSet(Object.fromEntries([...seen].sort((a, b) => a[1] - b[1])), file === undefined ? {} : { file });
}

/** The values that a label file may hold: every class, and the ignore label. */
export function allowedValues(labels: LabelSet): ReadonlySet<number> {
  return new Set(labels.ignore === undefined ? labels.all : [...labels.all, labels.ignore]);
}
