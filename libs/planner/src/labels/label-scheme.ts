/**
 * What the numbers in a label map mean: classes or overlapping regions, what is ignored, how many outputs a network needs.
 *
 * Source: nnU-Net v2's dataset.json and `LabelManager`.
 */
import { LabelsError } from '../errors.ts';

/** A class by its number, or a region by the numbers it is made of. */
export type LabelOrRegion = number | readonly number[];

/** The declaration in dataset.json: name → number, or numbers. */
export type LabelDeclaration = Readonly<Record<string, LabelOrRegion>>;

export interface LabelScheme {
  readonly labels: LabelDeclaration;
  readonly hasRegions: boolean;
  readonly ignoreLabel?: number;
  /** Every label but the ignore label, ascending; 0 included. */
  readonly allLabels: readonly number[];
  /** `allLabels` without the background. */
  readonly foregroundLabels: readonly number[];
  /** Regions in declaration order without the background: single numbers stay numbers. Only with regions. */
  readonly foregroundRegions?: readonly LabelOrRegion[];
  /** What each region's voxels become when written to a label map, later over earlier. Only with regions. */
  readonly regionsClassOrder?: readonly number[];
  /** What is predicted and scored: the foreground regions, or else the foreground labels. */
  readonly foreground: readonly LabelOrRegion[];
  /** Names of `foreground`, same order. */
  readonly foregroundNames: readonly string[];
  /** Output channels of a network: one per region, or one per label with the background. */
  readonly outputChannels: number;
}

/**
 * Derives the scheme from a declaration.
 *
 * Throws: LabelsError if `background` is missing or not 0, a value is not a whole number from 0 up, the ignore label is
 * not one above the highest label, or regions come without a `regionsClassOrder` of their number.
 */
export function labelScheme(labels: LabelDeclaration, regionsClassOrder?: readonly number[] | null): LabelScheme {
  checkValues(labels);
  const entries = Object.entries(labels).filter(([name]) => name !== 'ignore');
  const allLabels = [...new Set(entries.flatMap(([, value]) => value))].sort((a, b) => a - b);
  const foregroundLabels = allLabels.filter((label) => label !== 0);
  const ignoreLabel = readIgnore(labels, allLabels);
  const hasRegions = entries.some(([, value]) => Array.isArray(value) && value.length > 1);
  const shared = {
    labels,
    hasRegions,
    allLabels,
    foregroundLabels,
    ...(ignoreLabel === undefined ? {} : { ignoreLabel }),
  };
  if (!hasRegions) {
    const nameOf = (label: number): string =>
      entries.find(([, value]) => (Array.isArray(value) ? value[0] : value) === label)?.[0] ?? String(label);
    return {
      ...shared,
      foreground: foregroundLabels,
      foregroundNames: foregroundLabels.map(nameOf),
      outputChannels: allLabels.length,
    };
  }
  const regions = entries.filter(([, value]) => !isBackground(value));
  const order = checkOrder(regionsClassOrder, regions.length);
  return {
    ...shared,
    foregroundRegions: regions.map(([, value]) => value),
    regionsClassOrder: order,
    foreground: regions.map(([, value]) => value),
    foregroundNames: regions.map(([name]) => name),
    outputChannels: regions.length,
  };
}

/** The key of a label or region in the reference's files, its Python form: "1", "(1, 2)", "(2,)". */
export function labelKey(label: LabelOrRegion): string {
  if (typeof label === 'number') return String(label);
  return label.length === 1 ? `(${label[0]},)` : `(${label.join(', ')})`;
}

function isBackground(value: LabelOrRegion): boolean {
  return typeof value === 'number' ? value === 0 : value.length === 1 && value[0] === 0;
}

function checkValues(labels: LabelDeclaration): void {
  for (const [name, value] of Object.entries(labels)) {
    const values = Array.isArray(value) ? value : [value];
    if (values.length === 0 || !values.every((v) => Number.isInteger(v) && v >= 0))
      throw new LabelsError(
        `labels: "${name}" must be a whole number from 0 up or a list of them, came ${JSON.stringify(value)}.`,
        { name, value },
      );
  }
  if (labels['background'] !== 0)
    throw new LabelsError(
      `labels: "background" must be declared and 0, came ${JSON.stringify(labels['background'])}. Add "background": 0.`,
      { labels },
    );
}

function readIgnore(labels: LabelDeclaration, allLabels: readonly number[]): number | undefined {
  const ignore = labels['ignore'];
  if (ignore === undefined) return undefined;
  const expected = allLabels.at(-1)! + 1;
  if (ignore !== expected)
    throw new LabelsError(
      `labels: "ignore" must be the single number after the highest label, ${expected}, came ${JSON.stringify(ignore)}.`,
      { ignore, expected },
    );
  return expected;
}

function checkOrder(order: readonly number[] | null | undefined, regions: number): readonly number[] {
  if (order?.length === regions && order.every((value) => Number.isInteger(value) && value >= 0)) return order;
  throw new LabelsError(
    `labels: regions need "regions_class_order", one whole number for each of the ${regions} regions, came ${JSON.stringify(order ?? null)}.`,
    { regions, order },
  );
}
