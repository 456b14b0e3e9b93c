/**
 * Reading a CT series in Chromium on the page's own thread: how long, how long the page is not answered, how much memory.
 *
 * Run after a build: node tools/peers/dicom-browser.mjs [--slices 200]. Needs Chromium (CHROMIUM_PATH or on the PATH); dcmtk and
 * gdcmconv for the compressed series. The files are chosen as a user chooses them. Memory is the peak of the page's process beyond
 * what it held before, of Linux's /proc. Ends with 1 where it exceeds the voxels by more than 20 %, or the page waits over 200 ms.
 */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { repack, writeSeries } from './ct-series.mjs';

const MOST_MEMORY = 0.2;
const LONGEST_WAIT = 200;
const at = process.argv.indexOf('--slices');
const slices = at < 0 ? 200 : Number(process.argv[at + 1]);
const folder = mkdtempSync(join(tmpdir(), 'dicom-browser-'));
const page = join(folder, 'page');
await build({
  stdin: {
    contents: `
      import { blobSource } from '@voxelwise/io';
      import { readDicomVolume } from '@voxelwise/io/dicom';
      window.read = async () => {
        const files = [...document.querySelector('input').files];
        const heart = new MessageChannel();
        let last = performance.now();
        let longest = 0;
        let reading = true;
        heart.port1.onmessage = () => {
          const now = performance.now();
          longest = Math.max(longest, now - last);
          last = now;
          if (reading) setTimeout(() => heart.port2.postMessage(0), 1);
        };
        heart.port2.postMessage(0);
        const start = performance.now();
        const { volume } = await readDicomVolume(files.map((file) => blobSource(file, file.name)));
        const seconds = (performance.now() - start) / 1000;
        await new Promise((resolve) => setTimeout(resolve, 50));
        reading = false;
        window.kept = volume;
        return { seconds, longest, bytes: volume.voxels.byteLength };
      };`,
    resolveDir: fileURLToPath(new URL('.', import.meta.url)),
  },
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'error',
  outdir: page,
  entryNames: 'page',
});
const types = { '.js': 'text/javascript', '': 'text/html' };
const server = createServer(({ url }, answer) => {
  answer.setHeader('content-type', types[extname(url)] ?? 'text/html');
  if (url === '/')
    answer.end('<!doctype html><input type="file" multiple><script type="module" src="/page.js"></script>');
  else if (existsSync(join(page, url))) answer.end(readFileSync(join(page, url)));
  else answer.writeHead(404).end();
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const executablePath = process.env.CHROMIUM_PATH ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();

/** Processes that pages live in, below the browser's. */
function renderers(root) {
  const children = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const parent = /PPid:\s*(\d+)/.exec(status)[1];
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    } catch {
      // ended meanwhile
    }
  const family = [String(root)];
  for (let i = 0; i < family.length; i++) family.push(...(children.get(family[i]) ?? []));
  return family.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer'));
}

const held = (pid, field) =>
  Number(new RegExp(`${field}:\\s*(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

let failed = false;
async function measure(name, path) {
  const browser = await chromium.launchServer({ executablePath, args: ['--no-sandbox'] });
  try {
    const window = await (await chromium.connect(browser.wsEndpoint())).newPage();
    await window.goto(`http://127.0.0.1:${server.address().port}/`);
    await window.setInputFiles(
      'input',
      readdirSync(path).map((file) => join(path, file)),
    );
    await window.waitForFunction(() => typeof window.read === 'function');
    const root = browser.process().pid;
    const before = new Map(renderers(root).map((pid) => [pid, held(pid, 'VmRSS')]));
    const { seconds, longest, bytes } = await window.evaluate(() => window.read());
    // The page's process is the one that grew.
    const over = Math.max(...renderers(root).map((pid) => held(pid, 'VmHWM') - (before.get(pid) ?? Infinity))) - bytes;
    const bad = over > MOST_MEMORY * bytes || longest > LONGEST_WAIT;
    failed ||= bad;
    console.log(
      `${name.padEnd(20)} ${seconds.toFixed(2).padStart(6)} s, longest wait ${longest.toFixed(0).padStart(4)} ms, ${(bytes / 2 ** 20).toFixed(0)} MiB + ${(over / 2 ** 20).toFixed(0).padStart(4)} MiB (${((100 * over) / bytes).toFixed(0)} %)${bad ? '  TOO MUCH' : ''}`,
    );
  } finally {
    await browser.close();
  }
}

try {
  const plain = join(folder, 'plain');
  await writeSeries(plain, { slices });
  await measure('uncompressed', plain);
  for (const [name, ...program] of [
    ['RLE', 'dcmcrle'],
    ['JPEG lossless', 'dcmcjpeg', '+e1'],
    ['JPEG-LS', 'dcmcjpls'],
    ['JPEG 2000 lossless', 'gdcmconv', '--j2k'],
  ])
    if (repack(plain, join(folder, program[0]), program)) await measure(name, join(folder, program[0]));
} finally {
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
