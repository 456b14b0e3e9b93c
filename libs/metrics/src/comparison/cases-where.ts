/** Picking cases by their scores, such as the difficult ones: `dice<0.1`. */
import { ScoreError } from '../errors.ts';
import type { Summary } from '../summary/summary.ts';

const TESTS: Readonly<Record<string, (score: number, limit: number) => boolean>> = {
  '<': (score, limit) => score < limit,
  '<=': (score, limit) => score <= limit,
  '>': (score, limit) => score > limit,
  '>=': (score, limit) => score >= limit,
};

/**
 * The cases of a summary that satisfy a condition: a score's name (case does not matter), `<`, `<=`, `>` or `>=`, a
 * number; optionally for one class: `dice[2]<0.1`. Without a class the mean over the case's classes counts, NaN left out.
 *
 * Returns the names of the reference files without folder and ending. Throws: ScoreError if the condition cannot be
 * read or names a score or class the summary does not have.
 */
export function casesWhere(summary: Summary, condition: string, fileEnding: string): string[] {
  const parts = /^\s*(\w+)\s*(?:\[([^\]]+)\])?\s*(<=|>=|<|>)\s*(-?[\d.]+(?:e-?\d+)?)\s*$/i.exec(condition);
  const limit = Number(parts?.[4]);
  if (parts === null || Number.isNaN(limit))
    throw new ScoreError(`casesWhere: expected a condition such as dice<0.1 or dice[2]>=0.5, came "${condition}".`, {
      condition,
    });
  const [, wanted, key, operator] = parts as unknown as [string, string, string | undefined, string];
  const picked = summary.metric_per_case.filter(({ metrics, reference_file }) => {
    const rows = key === undefined ? Object.values(metrics) : [metrics[key]];
    const scores = rows.map((row) => {
      const name = Object.keys(row ?? {}).find((known) => known.toLowerCase() === wanted.toLowerCase());
      if (name !== undefined) return row![name]!;
      const known = [...new Set(Object.values(metrics).flatMap(Object.keys))].join(', ');
      throw new ScoreError(
        `casesWhere: ${reference_file} has no score "${wanted}"${key === undefined ? '' : ` of class ${key}`}. Scores: ${known}; classes: ${Object.keys(metrics).join(', ')}.`,
        { condition },
      );
    });
    const numbers = scores.filter((score) => !Number.isNaN(score));
    return numbers.length > 0 && TESTS[operator]!(numbers.reduce((a, b) => a + b, 0) / numbers.length, limit);
  });
  return picked.map(({ reference_file }) => {
    const name = reference_file.split(/[\\/]/).at(-1)!;
    return name.endsWith(fileEnding) ? name.slice(0, -fileEnding.length) : name;
  });
}
