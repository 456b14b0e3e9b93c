import tseslint from 'typescript-eslint';
import { floors } from './tools/floors.mjs';

const packages = Object.keys(floors);
const forbidden = (below, name) =>
  packages.filter((p) => p !== name && !below.includes(p)).flatMap((p) => [`@voxelwise/${p}`, `@voxelwise/${p}/*`]);

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/generated/**',
      '**/node_modules/**',
      '**/*.as.ts',
      'docs/api/**',
      '**/fixtures/**',
      '**/*.d.ts',
    ],
  },
  ...tseslint.configs.recommended.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      eqeqeq: 'error',
    },
  },
  // Libraries are quiet and deterministic.
  {
    files: ['libs/*/src/**/*.ts'],
    ignores: ['**/*.test.ts', '**/*.bench.ts', '**/*.memory.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'All chance comes through the Rng that is given.' },
        {
          object: 'process',
          property: 'env',
          message: 'Settings come as arguments; only the app reads the environment.',
        },
        { object: 'Date', property: 'now', message: 'Libraries have no clock; take the time as an argument.' },
      ],
    },
  },
  // The drawing of the house (docs/architecture.md): a library imports only what is below it.
  ...Object.entries(floors).map(([name, below]) => ({
    files: [`libs/${name}/src/**/*.ts`],
    ignores: ['**/*.test.ts', '**/*.bench.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [...forbidden(below, name), '@voxelwise/cli'],
              message: `Not below libs/${name}: see docs/architecture.md.`,
            },
          ],
        },
      ],
    },
  })),
);
