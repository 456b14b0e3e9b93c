import { describe, expect, it } from 'vitest';
import { formatSeconds, startProgress } from './progress.ts';
import { formatTable } from './output.ts';

function screen(isTTY: boolean): { isTTY: boolean; columns: number; text: string; write(t: string): void } {
  return {
    isTTY,
    columns: 100,
    text: '',
    write(t) {
      this.text += t;
    },
  };
}

describe('progress', () => {
  it('draws a bar with rate and ETA on a terminal', () => {
    let clock = 0;
    const stream = screen(true);
    const progress = startProgress({ stream, label: 'train', total: 100, unit: 'step', now: () => clock });
    progress.update(0);
    clock = 10_000;
    progress.update(20);
    expect(stream.text).toContain('20/100');
    expect(stream.text).toContain('2.0 step/s');
    expect(stream.text).toContain('0:10 < 0:40');
  });
  it('writes a plain line every ten seconds elsewhere', () => {
    let clock = 0;
    const stream = screen(false);
    const progress = startProgress({ stream, label: 'train', total: 100, unit: 'step', now: () => clock });
    for (let k = 0; k <= 100; k++) {
      clock = k * 250;
      progress.update(k);
    }
    expect(stream.text.split('\n').filter(Boolean)).toHaveLength(2);
    expect(stream.text).not.toContain('\x1b');
  });
  it('formats seconds', () => {
    expect([formatSeconds(75), formatSeconds(3700), formatSeconds(Infinity)]).toEqual(['1:15', '1:01:40', '–']);
  });
  it('aligns tables', () => {
    expect(
      formatTable(
        ['case', 'dice'],
        [
          ['a', '0.9'],
          ['long', '10.25'],
        ],
      ),
    ).toBe('case   dice\n────  ─────\na       0.9\nlong  10.25');
  });
});
