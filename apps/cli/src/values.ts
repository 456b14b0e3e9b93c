/** Values of flags: sizes, durations, labels, spacings. Each refuses with the form it expects. */
import { CommandUsageError } from './exit.ts';

/** `8GB`, `512MB`, `1.5GiB` -> bytes. GB is 2^30, as nnU-Net's memory targets mean it. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?$/i.exec(text.trim());
  if (!match || Number(match[1]) <= 0)
    throw new CommandUsageError(`expected a size such as 8GB or 512MB, came '${text}'`);
  return Number(match[1]) * 1024 ** ' kmgt'.indexOf((match[2] ?? ' ').toLowerCase());
}

/** `90s`, `30m`, `6h`, `1h30m` -> seconds. */
export function parseDuration(text: string): number {
  const match = /^(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?$/.exec(
    text.trim(),
  );
  const seconds = match
    ? Number(match[1] ?? 0) * 86400 + Number(match[2] ?? 0) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0)
    : 0;
  if (!(seconds > 0)) throw new CommandUsageError(`expected a duration such as 90s, 30m or 6h, came '${text}'`);
  return seconds;
}

/** `1,2` -> [1, 2]; `1+2,2` -> [[1, 2], 2]: labels joined by + are a region. */
export function parseLabels(text: string): (number | number[])[] {
  return text.split(',').map((part) => {
    const labels = part.split('+').map((n) => parseWhole(n, '--labels'));
    return labels.length === 1 ? labels[0]! : labels;
  });
}

/** `z,y,x` in millimetres. */
export function parseSpacing(text: string): [number, number, number] {
  const parts = text.split(/[,x ]+/).map(Number);
  if (parts.length !== 3 || !parts.every((n) => Number.isFinite(n) && n > 0))
    throw new CommandUsageError(`expected a spacing z,y,x in millimetres such as 2.5,0.8,0.8, came '${text}'`);
  return parts as [number, number, number];
}

export function parseWhole(text: string, flag: string, least = -Infinity): number {
  const from = Number.isFinite(least) ? ` from ${least} up` : '';
  if (!/^-?\d+$/.test(text.trim()) || Number(text) < least)
    throw new CommandUsageError(`${flag} takes a whole number${from}, came '${text}'`);
  return Number(text);
}

/** `0,1` or `all` -> folds. */
export function parseFolds(text: string): (number | 'all')[] {
  return text.split(/[, ]+/).map((part) => (part === 'all' ? 'all' : parseWhole(part, '--folds', 0)));
}

export function formatBytes(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(2)} GB`;
  return `${(bytes / 2 ** 20).toFixed(0)} MB`;
}
