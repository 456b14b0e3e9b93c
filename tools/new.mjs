/**
 * Writes the skeleton of something new, which compiles and passes its tests as it stands:
 *
 *   npm run new op <name>      a folder in libs/compute/src/ops, one line in ops/index.ts, one in autograd/rules.ts
 *
 * The guide is docs/contributing-a-kernel.md.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { opFiles } from './new/op-files.mjs';

const root = join(import.meta.dirname, '..');
const [kind, given, ...rest] = process.argv.slice(2);

function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

if (kind !== 'op' || given === undefined || rest.length > 0)
  stop('npm run new op <name>: writes an operation, for example `npm run new op soft-sign`.');
if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(given))
  stop(`npm run new op: a name is lower case words joined by hyphens (soft-sign), came "${given}".`);

const ops = join(root, 'libs/compute/src/ops');
const folder = join(ops, given);
if (existsSync(folder)) stop(`npm run new op: ${relative(root, folder)} is there already.`);

const name = given.replace(/-([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const index = join(ops, 'index.ts');
const rules = join(root, 'libs/compute/src/autograd/rules.ts');
const indexText = readFileSync(index, 'utf8');
if (new RegExp(`\\b${name}\\b`).test(indexText))
  stop(`npm run new op: ${relative(root, index)} exports ${name} already; choose another name.`);

mkdirSync(folder);
for (const [ending, text] of Object.entries(opFiles(given, name)))
  writeFileSync(join(folder, `${given}${ending}`), text);

const type = `${name[0].toUpperCase()}${name.slice(1)}Options`;
writeFileSync(index, `${indexText.trimEnd()}\nexport { ${name}, type ${type} } from './${given}/${given}.ts';\n`);

const rulesText = readFileSync(rules, 'utf8');
const line = `import { ${name}Rule } from '../ops/${given}/${given}.gradient.ts';\n`;
const before = rulesText.indexOf('import type { GradientRule }');
const end = rulesText.lastIndexOf('];');
if (before < 0 || end < 0)
  stop(`npm run new op: ${relative(root, rules)} has another form than expected; add ${name}Rule to it by hand.`);
writeFileSync(
  rules,
  `${rulesText.slice(0, before)}${line}${rulesText.slice(before, end)}  ${name}Rule,\n${rulesText.slice(end)}`,
);

process.stdout.write(
  `${relative(root, folder)} is written: y = factor · x, on every device, with its derivative.\n` +
    `Make it yours: docs/contributing-a-kernel.md. Then: npm run generate && npx vitest run ${relative(root, folder)}\n`,
);
