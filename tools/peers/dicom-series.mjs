/**
 * Time and memory of reading a 200-slice CT series, beside dcm2niix on the same files.
 *
 * Run after a build: node tools/peers/dicom-series.mjs [--slices 200] [--rounds 5]. Needs dcm2niix; dcmtk and gdcmconv for the compressed series.
 * Prints for each encoding the least wall and CPU seconds of whole processes, start included, and the peak memory of ours in excess of the voxels.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const option = (name, fallback) => Number(process.argv[process.argv.indexOf(`--${name}`) + 1] || fallback) || fallback;

if (process.argv[2] === 'read') {
  const { readDicomVolume } = await import('@voxelwise/io/dicom');
  const { dicomFolder, writeVolume } = await import('@voxelwise/io/node');
  const before = process.memoryUsage();
  const cpu = process.cpuUsage();
  const { volume } = await readDicomVolume(dicomFolder(process.argv[3]));
  const used = process.cpuUsage(cpu);
  const peak = process.resourceUsage().maxRSS * 1024;
  if (process.argv[4]) await writeVolume(process.argv[4], volume);
  console.log(
    JSON.stringify({
      voxels: volume.voxels.byteLength,
      over: peak - before.rss - volume.voxels.byteLength,
      start: before.rss,
      seconds: (used.user + used.system) / 1e6,
    }),
  );
  process.exit(0);
}

const slices = option('slices', 200);
const rounds = option('rounds', 5);
const folder = mkdtempSync(join(tmpdir(), 'dicom-series-'));
try {
  const { encodeFile } = await import('@voxelwise/io/dicom');
  const plain = join(folder, 'plain');
  mkdirSync(plain);
  const size = 512;
  let noise = 1;
  for (let k = 0; k < slices; k++) {
    const pixels = new Int16Array(size * size);
    for (let j = 0; j < size; j++)
      for (let i = 0; i < size; i++) {
        noise = (Math.imul(noise, 1103515245) + 12345) & 0x7fffffff;
        const body = (i - 256) ** 2 + (j - 256) ** 2 < 200 ** 2;
        pixels[j * size + i] = (body ? 1040 + 30 * Math.sin(i / 20 + k / 9) : 0) + ((noise >> 16) & 15);
      }
    const content = {
      SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
      SOPInstanceUID: `1.2.826.0.1.99.${k + 1}`,
      StudyInstanceUID: '1.2.826.0.1.98',
      SeriesInstanceUID: '1.2.826.0.1.97',
      FrameOfReferenceUID: '1.2.826.0.1.96',
      Modality: 'CT',
      Manufacturer: 'GE MEDICAL SYSTEMS',
      PatientID: 'P',
      PatientName: 'P',
      StudyDate: '20200101',
      StudyTime: '000000',
      SeriesNumber: 3,
      InstanceNumber: k + 1,
      ImageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
      ImagePositionPatient: [-180, -180, k * 1.25],
      ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
      PixelSpacing: [0.703125, 0.703125],
      SliceThickness: 1.25,
      SamplesPerPixel: 1,
      PhotometricInterpretation: 'MONOCHROME2',
      Rows: size,
      Columns: size,
      BitsAllocated: 16,
      BitsStored: 16,
      HighBit: 15,
      PixelRepresentation: 1,
      RescaleIntercept: -1024,
      RescaleSlope: 1,
      PixelData: new Uint8Array(pixels.buffer),
    };
    writeFileSync(join(plain, `${k}.dcm`), encodeFile(content));
  }
  const sets = [['uncompressed', plain]];
  const packers = [
    ['JPEG lossless', 'dcmcjpeg', ['+e1']],
    ['RLE', 'dcmcrle', []],
    ['JPEG 2000 lossless', 'gdcmconv', ['--j2k']],
  ];
  for (const [name, program, options] of packers) {
    if (spawnSync('which', [program]).status !== 0) continue;
    const packed = join(folder, program);
    mkdirSync(packed);
    for (const file of readdirSync(plain)) execFileSync(program, [...options, join(plain, file), join(packed, file)]);
    sets.push([name, packed]);
  }
  const out = join(folder, 'out');
  mkdirSync(out);
  const timed = (program, options) => {
    const done = spawnSync('bash', ['-c', 'TIMEFORMAT="%R %U %S"; time "$@"', '-', program, ...options], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    if (done.status !== 0) throw new Error(`${program} failed: ${done.stderr}`);
    const [wall, user, system] = done.stderr.trim().split('\n').at(-1).split(' ').map(Number);
    return { wall, cpu: user + system, stdout: done.stdout };
  };
  for (const [name, path] of sets) {
    const best = { read: [Infinity, Infinity], convert: [Infinity, Infinity], dcm2niix: [Infinity, Infinity] };
    const note = (who, { wall, cpu }) => (best[who] = [Math.min(best[who][0], wall), Math.min(best[who][1], cpu)]);
    let report;
    let inside = Infinity;
    for (let round = 0; round < rounds; round++) {
      const read = timed(process.execPath, [self, 'read', path]);
      report = JSON.parse(read.stdout);
      inside = Math.min(inside, report.seconds);
      note('read', read);
      note('convert', timed(process.execPath, [self, 'read', path, join(out, 'ours.nii')]));
      rmSync(join(out, 'series.nii'), { force: true });
      note('dcm2niix', timed('dcm2niix', ['-z', 'n', '-b', 'n', '-f', 'series', '-o', out, path]));
    }
    const ratio = (who) =>
      `${(best[who][0] / best.dcm2niix[0]).toFixed(2)} × wall, ${(best[who][1] / best.dcm2niix[1]).toFixed(2)} × CPU`;
    console.log(`${name}, ${slices} slices of 512 × 512, least of ${rounds}:`);
    for (const who of ['dcm2niix', 'read', 'convert'])
      console.log(`  ${who.padEnd(9)} ${best[who].map((s) => s.toFixed(2)).join(' s wall, ')} s CPU  (${ratio(who)})`);
    console.log(
      `  read, without the start of Node: ${inside.toFixed(2)} s CPU (${(inside / best.dcm2niix[1]).toFixed(2)} ×)`,
    );
    console.log(
      `  memory: ${(report.voxels / 2 ** 20).toFixed(0)} MiB voxels, peak ${(report.over / 2 ** 20).toFixed(0)} MiB (${((100 * report.over) / report.voxels).toFixed(0)} %) more, beside ${(report.start / 2 ** 20).toFixed(0)} MiB of runtime`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
