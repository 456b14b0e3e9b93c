/** Adds up the test counts of all vitest runs in a log and prints them as one line: N passed, N failed, N skipped. */
import { readFileSync } from 'node:fs';

const [, , log, status] = process.argv;
const text = readFileSync(log, 'utf8').replace(/\x1b\[[0-9;]*m/g, '');
const sum = { passed: 0, failed: 0, skipped: 0 };
for (const line of text.split('\n')) {
  if (!/^\s*Tests\s/.test(line)) continue;
  for (const kind of Object.keys(sum)) sum[kind] += Number(new RegExp(`(\\d+) ${kind}`).exec(line)?.[1] ?? 0);
  sum.skipped += Number(/(\d+) todo/.exec(line)?.[1] ?? 0);
}
// A run that died before its tests is a failure even when nothing was counted.
if (Number(status) !== 0 && sum.failed === 0) sum.failed = 1;
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
