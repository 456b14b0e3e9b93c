/**
 * Time of reading and of converting a CT series, beside dcm2niix on the same files.
 *
 * Run after a build: node tools/peers/dicom-series.mjs [--slices 200] [--rounds 5] [--gz]. Needs dcm2niix; dcmtk and gdcmconv for
 * the compressed series. Prints for each encoding the least and the median wall and CPU seconds of whole processes, start included:
 * `read` gives the voxels to a script, `convert` is the command line as a user types it, to a .nii (with --gz: .nii.gz) as dcm2niix
 * writes. NODE_EXTRA_CA_CERTS is taken out of the environment: where it is set, every start of Node reads those certificates, 0.03 s.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repack, writeSeries } from './ct-series.mjs';

const self = fileURLToPath(import.meta.url);
const cli = fileURLToPath(new URL('../../apps/cli/bin/voxelwise.js', import.meta.url));
const option = (name, fallback) => Number(process.argv[process.argv.indexOf(`--${name}`) + 1] || fallback) || fallback;

if (process.argv[2] === 'read') {
  const { readDicomVolume } = await import('@voxelwise/io/dicom');
  const { dicomFolder } = await import('@voxelwise/io/node');
  await readDicomVolume(dicomFolder(process.argv[3]));
  process.exit(0);
}

const slices = option('slices', 200);
const rounds = option('rounds', 5);
const packed = process.argv.includes('--gz');
const folder = mkdtempSync(join(tmpdir(), 'dicom-series-'));
const out = join(folder, 'out');

/** A process of its own, into an empty folder. */
function timed(program, options) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const done = spawnSync('bash', ['-c', 'TIMEFORMAT="%R %U %S"; time "$@"', '-', program, ...options], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env,
  });
  if (done.status !== 0) throw new Error(`${program} failed: ${done.stderr}`);
  const [wall, user, system] = done.stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return [wall, user + system];
}

try {
  const plain = join(folder, 'plain');
  await writeSeries(plain, { slices });
  const sets = [['uncompressed', plain]];
  for (const [name, ...program] of [
    ['JPEG lossless', 'dcmcjpeg', '+e1'],
    ['RLE', 'dcmcrle'],
    ['JPEG 2000 lossless', 'gdcmconv', '--j2k'],
  ])
    if (repack(plain, join(folder, program[0]), program)) sets.push([name, join(folder, program[0])]);
  const ending = packed ? '.nii.gz' : '.nii';
  for (const [name, path] of sets) {
    const runs = {
      dcm2niix: ['dcm2niix', ['-z', packed ? 'y' : 'n', '-b', 'n', '-f', 'series', '-o', out, path]],
      read: [process.execPath, [self, 'read', path]],
      convert: [process.execPath, [cli, 'convert', path, '--out', join(out, `series${ending}`), '--quiet']],
      'node alone': [process.execPath, ['-e', '0']],
    };
    const times = Object.fromEntries(Object.keys(runs).map((who) => [who, []]));
    for (let round = 0; round < rounds; round++)
      for (const [who, [program, options]] of Object.entries(runs)) times[who].push(timed(program, options));
    const [wall, cpu] = [0, 1];
    const column = (who, what) => times[who].map((one) => one[what]).sort((a, b) => a - b);
    const least = (who, what) => column(who, what)[0];
    const median = (who, what) => column(who, what)[Math.floor(rounds / 2)];
    const told = (who, of) =>
      `${of(who, wall).toFixed(3)} s wall, ${of(who, cpu).toFixed(3)} s CPU (${(of(who, wall) / of('dcm2niix', wall)).toFixed(2)} ×, ${(of(who, cpu) / of('dcm2niix', cpu)).toFixed(2)} ×)`;
    console.log(`${name}, ${slices} slices of 512 × 512, to ${ending}, ${rounds} rounds:`);
    for (const who of Object.keys(runs))
      console.log(`  ${who.padEnd(10)} least ${told(who, least)}, median ${told(who, median)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
