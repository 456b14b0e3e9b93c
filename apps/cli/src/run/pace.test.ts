/** With a clock of its own: cases take what their settings cost on a machine that gets busy. */
import { describe, expect, it } from 'vitest';
import { Pace, type Inference } from './pace.ts';

/** Predicts `cases`; `busy` tells how much slower the machine is for each. Returns what was done and when it ended. */
function predictAll(
  cases: number,
  seconds: number,
  busy: (k: number) => number,
  planned: Inference = { stepSize: 0.5, mirroring: true },
): { readonly end: number; readonly how: readonly string[]; readonly said: readonly string[] } {
  let now = 0;
  const said: string[] = [];
  const show = ({ stepSize, mirroring }: Inference): string => `${stepSize}${mirroring ? ' mirrored' : ''}`;
  const pace = new Pace({
    planned,
    mirrorCopies: 8,
    dimensions: 3,
    expectedSeconds: 8,
    secondsLeft: () => seconds - now,
    onHurry: (inference) => said.push(show(inference)),
  });
  const how = Array.from({ length: cases }, (_, k) => {
    const inference = pace.next(cases - k);
    // A second for each pass of the overlap of one half; mirrored eight times.
    const took = (inference.mirroring ? 8 : 1) * (0.5 / inference.stepSize) ** 3 * busy(k);
    now += took;
    pace.took(took);
    return show(inference);
  });
  return { end: now, how, said };
}

describe('Pace', () => {
  it('keeps to the plan while it fits', () => {
    const { how, said, end } = predictAll(4, 33, () => 1);
    expect(new Set(how)).toEqual(new Set(['0.5 mirrored']));
    expect([end, said]).toEqual([32, []]);
  });

  it('leaves mirroring out when the machine gets busy, and takes it up again when it is free', () => {
    const { how, end, said } = predictAll(6, 50, (k) => (k === 1 ? 3 : 1));
    expect(how.slice(0, 3)).toEqual(['0.5 mirrored', '0.5 mirrored', '0.5']);
    expect(how.at(-1)).toBe('0.5 mirrored');
    expect(said).toContain('0.5');
    expect(end).toBeLessThanOrEqual(50);
  });

  it('spreads the windows when even that is too slow, and predicts every case', () => {
    const slow = predictAll(5, 20, (k) => (k === 0 ? 1 : 5));
    expect(slow.how).toHaveLength(5);
    expect(slow.how).toContain('0.75');
    expect(slow.end).toBeLessThan(20);
    expect(predictAll(3, 0, () => 1).how).toEqual(['1', '1', '1']);
  });

  it('begins without mirroring where that is the plan', () => {
    expect(predictAll(2, 0, () => 1, { stepSize: 0.5, mirroring: false }).said).toEqual(['1']);
    expect(predictAll(2, 100, () => 1, { stepSize: 0.75, mirroring: false }).how).toEqual(['0.75', '0.75']);
  });
});
