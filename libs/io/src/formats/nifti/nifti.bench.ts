/**
 * 512 x 512 x 300 int16 .nii.gz, read and written, against nibabel in the same run (minimum of the rounds).
 *
 * Run: npx tsx --conditions=@voxelwise/source --expose-gc libs/io/src/formats/nifti/nifti.bench.ts [--python PYTHON]
 */
import { alignedGrid } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readVolume, writeVolume } from '../../node.ts';

const ROUNDS = 3;
const folder = mkdtempSync(join(tmpdir(), 'voxelwise-bench-'));
const place = (name: string): string => join(folder, name);

/** A body-like CT: smooth tissue, noise in the low bits, air around it. */
function phantom(): Volume {
  const voxels = new Int16Array(300 * 512 * 512);
  let state = 1;
  for (let z = 0, i = 0; z < 300; z++)
    for (let y = 0; y < 512; y++)
      for (let x = 0; x < 512; x++, i++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        const inside = ((x - 256) / 200) ** 2 + ((y - 256) / 150) ** 2 < 1;
        voxels[i] = inside
          ? 40 + Math.round(60 * Math.sin(x / 37) * Math.cos(y / 29 + z / 17)) + (state >>> 27)
          : -1000 + (state >>> 30);
      }
  return { grid: alignedGrid([300, 512, 512], [1.5, 0.8, 0.8]), kind: 'intensity', channels: ['CT'], voxels };
}

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

try {
  let volume: Volume | undefined = phantom();
  await writeVolume(place('in.nii.gz'), volume);
  const ours = { read: Infinity, write: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    ours.write = Math.min(ours.write, await seconds(() => writeVolume(place('out.nii.gz'), volume!)));
    volume = undefined;
    globalThis.gc?.();
    let read: Volume | undefined;
    ours.read = Math.min(ours.read, await seconds(async () => (read = await readVolume(place('in.nii.gz')))));
    volume = read!;
  }
  const voxelBytes = volume.voxels.byteLength;
  const memory = JSON.parse(
    execFileSync(process.execPath, [
      ...process.execArgv,
      fileURLToPath(new URL('nifti.memory.ts', import.meta.url)),
      place('in.nii.gz'),
    ]).toString(),
  ) as { bytes: number };
  const python = process.argv.includes('--python') ? process.argv[process.argv.indexOf('--python') + 1]! : 'python3';
  const theirs = JSON.parse(
    execFileSync(python, [
      fileURLToPath(new URL('../../../../../tools/peers/io.py', import.meta.url)),
      place('in.nii.gz'),
      place('peer.nii.gz'),
      String(ROUNDS),
    ]).toString(),
  ) as { read: number; write: number };
  console.log(
    JSON.stringify(
      {
        ours,
        theirs,
        ratio: { read: ours.read / theirs.read, write: ours.write / theirs.write },
        fileBytes: { ours: statSync(place('out.nii.gz')).size, theirs: statSync(place('peer.nii.gz')).size },
        memoryOverVoxels: memory.bytes / voxelBytes,
      },
      null,
      2,
    ),
  );
} finally {
  rmSync(folder, { recursive: true });
}
