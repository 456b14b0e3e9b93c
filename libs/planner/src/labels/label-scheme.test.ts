import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LabelsError } from '../errors.ts';
import { type LabelDeclaration, labelKey, labelScheme } from './label-scheme.ts';

interface Golden {
  readonly labels: LabelDeclaration;
  readonly regions_class_order: readonly number[] | null;
  readonly has_regions: boolean;
  readonly ignore_label: number | null;
  readonly all_labels: readonly number[];
  readonly foreground_labels: readonly number[];
  readonly foreground_regions: readonly (number | readonly number[])[] | null;
  readonly num_segmentation_heads: number;
}
const golden = JSON.parse(
  readFileSync(new URL('../../fixtures/labels/label_manager.json', import.meta.url), 'utf8'),
) as readonly Golden[];

describe('labelScheme', () => {
  it.each(golden)('derives what the reference derives from $labels', (g) => {
    const scheme = labelScheme(g.labels, g.regions_class_order);
    expect(scheme.hasRegions).toBe(g.has_regions);
    expect(scheme.ignoreLabel ?? null).toBe(g.ignore_label);
    expect(scheme.allLabels).toEqual(g.all_labels);
    expect(scheme.foregroundLabels).toEqual(g.foreground_labels);
    expect(scheme.foregroundRegions ?? null).toEqual(g.foreground_regions);
    expect(scheme.outputChannels).toBe(g.num_segmentation_heads);
    expect(scheme.foreground).toEqual(g.foreground_regions ?? g.foreground_labels);
    expect(scheme.foregroundNames.length).toBe(scheme.foreground.length);
  });

  it('names the classes in the order of their numbers', () => {
    expect(labelScheme({ background: 0, b: 2, a: 1 }).foregroundNames).toEqual(['a', 'b']);
  });

  it.each([
    [{ a: 1 }, undefined, /"background" must be declared/],
    [{ background: 0, a: 1.5 }, undefined, /"a" must be a whole number/],
    [{ background: 0, a: [] }, undefined, /"a" must be a whole number/],
    [{ background: 0, a: 1, ignore: 5 }, undefined, /"ignore" must be the single number after the highest label, 2/],
    [{ background: 0, a: [1, 2], b: 2 }, [1], /one whole number for each of the 2 regions/],
  ])('refuses %j', (labels, order, message) => {
    expect(() => labelScheme(labels as LabelDeclaration, order)).toThrow(LabelsError);
    expect(() => labelScheme(labels as LabelDeclaration, order)).toThrow(message);
  });
});

describe('labelKey', () => {
  it.each([
    [1, '1'],
    [[1, 2], '(1, 2)'],
    [[2], '(2,)'],
  ] as const)('%j → %s', (label, key) => expect(labelKey(label)).toBe(key));
});
