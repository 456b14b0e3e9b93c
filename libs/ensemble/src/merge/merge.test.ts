import { readFileSync } from 'node:fs';
import { type LabelDeclaration, labelScheme } from '@voxelwise/planner';
import { describe, expect, it } from 'vitest';
import { EnsembleError } from '../errors.ts';
import { meanProbabilities, segmentProbabilities, vote } from './merge.ts';

interface Golden {
  readonly labels: LabelDeclaration;
  readonly regions_class_order: readonly number[] | null;
  readonly shape: readonly [number, number, number, number];
  readonly probabilities: readonly number[];
  readonly segmentation_from_logits: readonly number[];
}
const goldens = JSON.parse(
  readFileSync(new URL('../../fixtures/labels/convert.json', import.meta.url), 'utf8'),
) as readonly Golden[];
const map = (...voxels: number[]) => ({ voxels: Uint8Array.from(voxels), shape: [1, 1, voxels.length] as const });

describe('segmentProbabilities', () => {
  it.each(goldens)(
    'decides as the reference for $labels',
    ({ labels, regions_class_order, shape, probabilities, segmentation_from_logits }) => {
      const [, z, y, x] = shape;
      const segmented = segmentProbabilities(
        Float32Array.from(probabilities),
        [z, y, x],
        labelScheme(labels, regions_class_order),
      );
      expect([...segmented.voxels]).toEqual(segmentation_from_logits);
    },
  );
  it('takes the first of equals, and needs more than one half for a region', () => {
    expect([
      ...segmentProbabilities(Float32Array.of(0.4, 0.4, 0.2), [1, 1, 1], labelScheme({ background: 0, a: 1, b: 2 }))
        .voxels,
    ]).toEqual([0]);
    const regions = labelScheme({ background: 0, whole: [1, 2], core: 2 }, [1, 2]);
    expect([...segmentProbabilities(Float32Array.of(0.5, 0.6, 0.5, 0.6), [1, 1, 2], regions).voxels]).toEqual([0, 2]);
  });
  it('refuses channels of another label scheme', () => {
    expect(() => segmentProbabilities(new Float32Array(4), [1, 1, 1], labelScheme({ background: 0, a: 1 }))).toThrow(
      /expected \[2, 1, 1, 1\]/,
    );
  });
});

describe('meanProbabilities', () => {
  it('averages in float32', () => {
    const [a, b] = [0.1, 0.7].map((p) => Float32Array.of(p));
    expect(meanProbabilities([a!, b!])[0]).toBe(Math.fround(Math.fround(Math.fround(0.1) + Math.fround(0.7)) / 2));
    expect(() => meanProbabilities([])).toThrow(EnsembleError);
    expect(() => meanProbabilities([a!, new Float32Array(2)])).toThrow(/1 and 2 values/);
  });
});

describe('vote', () => {
  it('takes the majority, of a tie the earliest member', () => {
    expect([...vote([map(1, 1, 2, 0), map(2, 1, 0, 1), map(2, 0, 1, 2)]).voxels]).toEqual([2, 1, 2, 0]);
    expect(() => vote([map(1), map(1, 2)])).toThrow(EnsembleError);
    expect(() => vote([])).toThrow(/at least one segmentation/);
  });
});
