/** Runs the browser tests where a Chromium is installed; elsewhere counts their files as skipped and says why. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const names = ['chromium', 'chromium-browser', 'google-chrome'];
const found =
  process.env.CHROMIUM_PATH ??
  (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find(existsSync);

if (found === undefined) {
  const files = readdirSync(join(root, 'libs'), { recursive: true }).filter((path) =>
    /src\/.*\.browser\.test\.ts$/.test(String(path)),
  );
  console.log(`\nBrowser tests: no Chromium here (Debian: apt install chromium), ${files.length} files skipped`);
  console.log(` Tests  ${files.length} skipped (${files.length})`);
} else {
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.browser.config.ts'],
    { cwd: root, stdio: 'inherit', env: { ...process.env, CHROMIUM_PATH: found } },
  );
  process.exitCode = status ?? 1;
}
