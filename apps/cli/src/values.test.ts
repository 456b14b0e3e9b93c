import { describe, expect, it } from 'vitest';
import { parseBytes, parseDuration, parseFolds, parseLabels, parseSpacing } from './values.ts';
import { CommandUsageError } from './exit.ts';

describe('values of flags', () => {
  it('reads sizes', () => {
    expect(parseBytes('8GB')).toBe(8 * 2 ** 30);
    expect(parseBytes('512MB')).toBe(512 * 2 ** 20);
    expect(parseBytes('1.5gib')).toBe(1.5 * 2 ** 30);
    for (const wrong of ['', '8 apples', '-1GB', '0GB', 'GB'])
      expect(() => parseBytes(wrong)).toThrow(CommandUsageError);
  });
  it('reads durations', () => {
    expect(parseDuration('90s')).toBe(90);
    expect(parseDuration('30m')).toBe(1800);
    expect(parseDuration('1h30m')).toBe(5400);
    for (const wrong of ['', '30x', '0m', 'm']) expect(() => parseDuration(wrong)).toThrow(CommandUsageError);
  });
  it('reads labels, regions, folds and spacings', () => {
    expect(parseLabels('1,2')).toEqual([1, 2]);
    expect(parseLabels('1+2,2')).toEqual([[1, 2], 2]);
    expect(parseFolds('0,1')).toEqual([0, 1]);
    expect(parseFolds('all')).toEqual(['all']);
    expect(parseSpacing('2.5,0.8,0.8')).toEqual([2.5, 0.8, 0.8]);
    expect(() => parseLabels('1,x')).toThrow(CommandUsageError);
    expect(() => parseSpacing('1,2')).toThrow(CommandUsageError);
    expect(() => parseSpacing('1,0,2')).toThrow(CommandUsageError);
  });
});
