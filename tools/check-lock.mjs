/** Checks the lock file: every optional dependency has an entry of its own, and no download address is recorded. */
import { readFileSync } from 'node:fs';

const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const names = new Set(Object.keys(lock.packages).map((path) => path.split('node_modules/').pop()));
const faults = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const name of Object.keys(entry.optionalDependencies ?? {}))
    if (!names.has(name)) faults.push(`${path}: optional dependency ${name} has no entry`);
  if (/^https?:/.test(entry.resolved ?? '')) faults.push(`${path}: carries a download address`);
}
for (const fault of faults) console.error(fault);
if (faults.length) process.exit(1);
console.log(`lock file: ${names.size} packages, complete`);
