/**
 * Tests in headless Chromium, twice: on a page that is cross-origin isolated (threads, WebGPU) and on one that is not.
 * The browser is the system's; nothing is downloaded. WebGPU runs on Chromium's software adapter where there is no GPU.
 */
import { playwright } from '@vitest/browser-playwright';
import { execFileSync } from 'node:child_process';
import { defineConfig } from 'vitest/config';

function chromium(): string {
  if (process.env['CHROMIUM_PATH']) return process.env['CHROMIUM_PATH'];
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // The next name.
    }
  }
  throw new Error('No Chromium found: install one (Debian: apt install chromium) or set CHROMIUM_PATH.');
}

const conditions = ['@voxelwise/source', 'browser', 'import', 'module', 'default'];
const provider = playwright({
  launchOptions: {
    executablePath: chromium(),
    args: [
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      `--use-webgpu-adapter=${process.env['WEBGPU_ADAPTER'] ?? 'swiftshader'}`,
      '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
    ],
  },
});

function project(name: string, include: string[], exclude: string[], headers: Record<string, string>) {
  return {
    resolve: { conditions },
    server: { headers },
    test: {
      name,
      include,
      exclude: ['**/node_modules/**', '**/dist/**', ...exclude],
      testTimeout: 60_000,
      hookTimeout: 60_000,
      fileParallelism: false,
      browser: {
        enabled: true,
        headless: true,
        provider,
        screenshotFailures: false,
        instances: [{ browser: 'chromium' as const }],
      },
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project('isolated page', ['libs/*/src/**/*.browser.test.ts'], ['**/*.plain.browser.test.ts'], {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      }),
      project('plain page', ['libs/*/src/**/*.plain.browser.test.ts'], [], {}),
    ],
  },
});
