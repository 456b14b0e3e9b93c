import { labelScheme } from '@voxelwise/planner';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { outputShapes, outputWeights, shrinkLabels, targetsOf } from './targets.ts';

describe('deep supervision', () => {
  it('weights outputs as the reference, but lets a single one count', () => {
    const rows = JSON.parse(
      readFileSync(new URL('../../fixtures/loss/deep_supervision_weights.json', import.meta.url), 'utf8'),
    ) as { n_outputs: number; weights: number[] }[];
    for (const { n_outputs, weights } of rows)
      outputWeights(n_outputs).forEach((w, k) => expect(w).toBeCloseTo(weights[k]!, 12));
    expect(outputWeights(1)).toEqual([1]);
  });

  it('derives sizes from the strides', () => {
    const strides = [
      [1, 1, 1],
      [1, 2, 2],
      [2, 2, 2],
      [1, 2, 2],
    ];
    expect(outputShapes([8, 24, 32], strides, true)).toEqual([
      [8, 24, 32],
      [8, 12, 16],
      [4, 6, 8],
    ]);
    expect(outputShapes([8, 24, 32], strides, false)).toEqual([[8, 24, 32]]);
  });

  it('takes the nearest voxel, the upper one when halving', () => {
    expect([...shrinkLabels(Int32Array.from([0, 1, 2, 3, 10, 11, 12, 13]), [2, 4], [1, 2])]).toEqual([11, 13]);
    expect([...shrinkLabels(Int32Array.from([0, 1, 2, 3, 4]), [1, 1, 5], [1, 1, 2])]).toEqual([1, 3]);
  });
});

describe('targetsOf', () => {
  it('turns the outside into background and the ignore label into -1', () => {
    const scheme = labelScheme({ background: 0, a: 1, ignore: 2 });
    expect(targetsOf(Int32Array.from([-1, 0, 1, 2]), 1, scheme)).toEqual({
      channels: 1,
      data: Int32Array.from([0, 0, 1, -1]),
    });
  });

  it('makes a channel per region and a mask last', () => {
    const scheme = labelScheme({ background: 0, whole: [1, 2], core: 2, ignore: 3 }, [1, 2]);
    expect(targetsOf(Int32Array.from([0, 1, 2, 3]), 1, scheme)).toEqual({
      channels: 3,
      data: Int32Array.from([0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0]),
    });
  });
});
