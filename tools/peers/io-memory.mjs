/**
 * Memory of reading images: what a process ever held, beyond what it held before, against the voxels it got.
 *
 * Run after a build: node tools/peers/io-memory.mjs [--slices 200]. Ends with 1 where one takes more than 20 % beyond its voxels.
 * dcmtk and gdcmconv pack the compressed series; what they would pack is left out, and said so, where they are missing.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repack, writeMultiframe, writeSeries } from './ct-series.mjs';

const MOST = 0.2;

/** The most this process ever held. Linux counts what the parent held before the program was loaded into `maxRSS`. */
function peakBytes() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
}
const readers = {
  async dicom(path) {
    const { readDicomVolume } = await import('@voxelwise/io/dicom');
    const { dicomFolder } = await import('@voxelwise/io/node');
    return async () => (await readDicomVolume(dicomFolder(path))).volume;
  },
  async volume(path) {
    await import('@voxelwise/io');
    const { readVolume } = await import('@voxelwise/io/node');
    return () => readVolume(path);
  },
  /** Half of the slices. */
  async slab(path) {
    await import('@voxelwise/io');
    const { openVolume } = await import('@voxelwise/io/node');
    return async () => {
      const volume = await openVolume(path);
      const [z] = volume.grid.shape;
      return volume.readSlab([Math.floor(z / 4), Math.floor((3 * z) / 4)]);
    };
  },
};

if (process.argv[2] === 'read') {
  const read = await readers[process.argv[3]](process.argv[4]);
  const before = process.memoryUsage.rss();
  const { voxels } = await read();
  const over = peakBytes() - before - voxels.byteLength;
  console.log(JSON.stringify({ bytes: voxels.byteLength, type: voxels.constructor.name, over }));
  process.exit(0);
}

const self = fileURLToPath(import.meta.url);
const at = process.argv.indexOf('--slices');
const slices = at < 0 ? 200 : Number(process.argv[at + 1]);
const folder = mkdtempSync(join(tmpdir(), 'io-memory-'));
let failed = 0;

function measure(name, kind, path) {
  const done = spawnSync(process.execPath, [self, 'read', kind, path], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${name}: ${done.stderr}`);
  const { bytes, type, over } = JSON.parse(done.stdout);
  const share = over / bytes;
  const verdict = share <= MOST ? 'ok' : 'TOO MUCH';
  if (share > MOST) failed++;
  console.log(
    `${name.padEnd(34)} ${(bytes / 2 ** 20).toFixed(0).padStart(4)} MiB ${type.padEnd(13)} + ${(over / 2 ** 20).toFixed(1).padStart(6)} MiB = ${(100 * share).toFixed(0).padStart(3)} %  ${verdict}`,
  );
}

try {
  const at = (name) => join(folder, name);
  await writeSeries(at('plain'), { slices });
  measure('DICOM, uncompressed', 'dicom', at('plain'));
  for (const [name, from, ...program] of [
    ['DICOM, RLE', 'plain', 'dcmcrle'],
    ['DICOM, JPEG lossless', 'plain', 'dcmcjpeg', '+e1'],
    ['DICOM, JPEG-LS', 'plain', 'dcmcjpls'],
    ['DICOM, JPEG 2000', 'plain', 'gdcmconv', '--j2k'],
    ['DICOM, deflated', 'plain', 'dcmconv', '+td'],
    ['DICOM, big endian', 'plain', 'dcmconv', '+tb'],
    ['DICOM, implicit little endian', 'plain', 'dcmconv', '+ti'],
  ]) {
    if (repack(at(from), at('packed'), program)) measure(name, 'dicom', at('packed'));
    else console.log(`${name}: left out, ${program[0]} is not installed`);
    rmSync(at('packed'), { recursive: true, force: true });
  }
  const { dicomFolder, writeVolume } = await import('@voxelwise/io/node');
  const { readDicomVolume } = await import('@voxelwise/io/dicom');
  const { volume } = await readDicomVolume(dicomFolder(at('plain')));
  rmSync(at('plain'), { recursive: true });
  await writeSeries(at('scaled'), { slices, slope: 0.5 });
  measure('DICOM, rescaled to float32', 'dicom', at('scaled'));
  rmSync(at('scaled'), { recursive: true });
  await writeMultiframe(at('frames'), { slices });
  measure('DICOM, one file of many frames', 'dicom', at('frames'));
  if (repack(at('frames'), at('packed'), ['dcmcrle'])) measure('DICOM, frames in RLE', 'dicom', at('packed'));
  rmSync(at('frames'), { recursive: true });
  for (const ending of ['.nii', '.nii.gz', '.nrrd', '.mha']) {
    const path = at(`volume${ending}`);
    await writeVolume(path, volume);
    measure(`${ending}`, 'volume', path);
    if (ending.startsWith('.nii')) measure(`${ending}, a slab of half`, 'slab', path);
  }
  const scaled = readFileSync(at('volume.nii'));
  scaled.writeFloatLE(0.5, 112);
  writeFileSync(at('scaled.nii'), scaled);
  measure('.nii, scaled to float32', 'volume', at('scaled.nii'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;
