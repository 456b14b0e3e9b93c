/** Runs the TypeScript example of every package's README: what the page shows is what works. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const folders = readdirSync(join(root, 'libs')).map((name) => join('libs', name));

describe('README examples', () => {
  for (const folder of folders) {
    const page = join(root, folder, 'README.md');
    it(folder, async () => {
      expect(existsSync(page)).toBe(true);
      const blocks = [...readFileSync(page, 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!);
      expect(blocks.length, `${folder}/README.md shows no TypeScript example`).toBeGreaterThan(0);
      // In the package's own folder, so that imports and fixtures resolve as for a reader of the repository.
      const place = join(root, '.tmp', 'readme');
      mkdirSync(place, { recursive: true });
      const file = join(place, `${folder.replaceAll('/', '-')}.ts`);
      writeFileSync(file, `${blocks[0]}\nexport {};\n`);
      await import(/* @vite-ignore */ file);
    });
  }
});
