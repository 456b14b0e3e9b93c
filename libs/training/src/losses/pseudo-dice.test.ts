import { labelScheme } from '@voxelwise/planner';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PseudoDice } from './pseudo-dice.ts';
import { targetsOf } from './targets.ts';

interface Row {
  readonly regions: boolean;
  readonly ignore: boolean;
  readonly logits: readonly number[];
  readonly labelmap: readonly number[];
  readonly dice: readonly number[];
}
const rows = JSON.parse(
  readFileSync(new URL('../../fixtures/loss/validation_step_tp_fp_fn.json', import.meta.url), 'utf8'),
) as Row[];

it.each(rows)(
  'equals the reference (regions $regions, ignore $ignore)',
  ({ regions, ignore, logits, labelmap, dice }) => {
    const ignored = ignore ? { ignore: 3 } : {};
    const scheme = regions
      ? labelScheme({ background: 0, whole: [1, 2], core: [2], ...ignored }, [1, 2])
      : labelScheme({ background: 0, a: 1, b: 2, ...ignored });
    const score = new PseudoDice(scheme);
    score.add(Float32Array.from(logits), targetsOf(Int32Array.from(labelmap), 2, scheme), 2);
    score.dice().forEach((value, k) => expect(value).toBeCloseTo(dice[k]!, 12));
  },
);

it('has no Dice where there is neither truth nor prediction', () => {
  const scheme = labelScheme({ background: 0, a: 1, b: 2 });
  const score = new PseudoDice(scheme);
  score.add(Float32Array.from([1, 0, 0, 1, -1, -1]), { channels: 1, data: Int32Array.from([0, 1]) }, 1);
  expect(score.dice()).toEqual([1, null]);
  expect(score.mean()).toBe(1);
});
