import { defineConfig } from 'vitest/config';

/** Tests resolve sources through the `@voxelwise/source` export condition, never a stale `dist`. */
export default defineConfig({
  resolve: { conditions: ['@voxelwise/source', 'node', 'import', 'module', 'default'] },
  ssr: { resolve: { conditions: ['@voxelwise/source', 'node', 'import', 'module', 'default'] } },
  test: {
    include: ['libs/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'tools/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/*.browser.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
