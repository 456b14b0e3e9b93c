/**
 * Hostile bytes: seeded mutants of small files of every format. Each is read or refused with a FormatError that says where, quickly,
 * and without more memory than its bytes justify. VOXELWISE_MUTANTS sets the number per format (default 20000), VOXELWISE_SEED others.
 */
import { alignedGrid } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  Zip,
  decodeB2nd,
  decodeNpz,
  decodeSafetensors,
  decodeTorch,
  decodeVolume,
  encodeFiles,
  encodeSafetensors,
  encodeVolume,
  encodeZip,
  torchArrays,
} from '../index.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { collect } from '../bytes/collect.ts';
import { crc32 } from '../bytes/crc32.ts';
import { FormatError } from '../errors.ts';
import { spmAffine } from './nifti/spm-mat.ts';
import { mutant } from './testing/mutant.ts';
import type { Injury } from './testing/mutant.ts';

const MUTANTS = Number(process.env['VOXELWISE_MUTANTS'] ?? 20_000);
const SEED = Number(process.env['VOXELWISE_SEED'] ?? 0);
const injured = (bytes: Uint8Array, number: number, injury: Injury): Uint8Array =>
  mutant(bytes, number + SEED * MUTANTS, injury);
/** Seconds that one mutant may take. */
const SLOWEST = 2;

async function survives(
  seeds: readonly Uint8Array[],
  read: (bytes: Uint8Array) => Promise<number>,
  focus = 400,
): Promise<void> {
  let [accepted, refused] = [0, 0];
  for (let n = 0; n < MUTANTS; n++) {
    const bytes = injured(seeds[n % seeds.length]!, n, { focus, others: seeds });
    const start = performance.now();
    const used = process.cpuUsage();
    try {
      const memory = await read(bytes);
      if (memory > 8 * 1032 * bytes.length + 65536)
        throw new Error(`mutant ${n}: ${memory} bytes of voxels from ${bytes.length} bytes`);
      accepted++;
    } catch (error) {
      if (!(error instanceof FormatError))
        throw new Error(`mutant ${n} threw ${String((error as Error).stack)}`, { cause: error });
      const { field, byteOffset, message } = error;
      if (field === undefined || byteOffset === undefined) throw new Error(`mutant ${n} lies nowhere: ${message}`);
      refused++;
    }
    // on a machine busy with other things the wall clock blames us for their time
    const { user, system } = process.cpuUsage(used);
    const seconds = Math.min((performance.now() - start) / 1000, (user + system) / 1e6);
    if (seconds > SLOWEST) throw new Error(`mutant ${n} took ${seconds} s`);
  }
  // a fuzzer that never passes, or never hurts, tests nothing
  expect(Math.min(accepted, refused)).toBeGreaterThan(MUTANTS / 500);
}

const volume = (channels: number, type: 'int16' | 'float32' = 'int16'): Volume => {
  const voxels = (type === 'int16' ? Int16Array : Float32Array).from({ length: 24 * channels }, (_, i) => i * 3);
  return {
    grid: alignedGrid([2, 3, 4], [3, 2, 1]),
    kind: 'intensity',
    channels: Array.from({ length: channels }, (_, i) => String(i)),
    voxels,
  };
};
const size = async (bytes: Uint8Array, fileName: string): Promise<number> =>
  (await decodeVolume(bytes, { fileName })).voxels.byteLength;

describe('mutants', { timeout: 240_000 }, () => {
  it('NIfTI, plain', async () =>
    survives(
      [await encodeVolume(volume(1), '.nii'), await encodeVolume(volume(2, 'float32'), '.nii')],
      (b) => size(b, 'x.nii'),
      352,
    ));
  it('NIfTI, packed', async () => {
    const plain = await encodeVolume(volume(1), '.nii');
    // half of them hurt before packing, so that the checksum does not shield the header
    let n = 0;
    await survives(
      [plain],
      async (b) =>
        size(
          n++ % 2 === 0 ? gzipSync(b, { level: 1 }) : injured(gzipSync(plain, { level: 1 }), n, { focus: 64 }),
          'x.nii.gz',
        ),
      352,
    );
  });
  it('SPM positions beside Analyze', async () => {
    const seeds = ['level4', 'level5', 'level5_packed', 'level5_many'].map(
      (name) => new Uint8Array(readFileSync(new URL(`../../fixtures/spm/${name}.mat`, import.meta.url))),
    );
    await survives(seeds, async (b) => (await spmAffine(bytesSource(b, 'x.mat')))?.byteLength ?? 0, 200);
  });
  it('NRRD', async () =>
    survives(
      [await encodeVolume(volume(2), '.nrrd', { compress: false }), await encodeVolume(volume(1), '.seg.nrrd')],
      (b) => size(b, 'x.nrrd'),
    ));
  it('NRRD in bzip2 and hexadecimal', async () => {
    const seed = (name: string): Uint8Array =>
      new Uint8Array(readFileSync(new URL(`../../fixtures/nrrd/${name}.nrrd`, import.meta.url)));
    await survives([seed('bzip2'), seed('hex')], (b) => size(b, 'x.nrrd'), 2000);
  });
  it('MetaImage', async () =>
    survives([await encodeVolume(volume(1), '.mha', { compress: false }), await encodeVolume(volume(2), '.mha')], (b) =>
      size(b, 'x.mha'),
    ));
  it('PNG', async () => {
    const image: Volume = {
      grid: alignedGrid([1, 6, 5]),
      kind: 'intensity',
      channels: ['r', 'g', 'b'],
      voxels: Uint8Array.from({ length: 90 }, (_, i) => i * 2),
    };
    let n = 0;
    await survives(
      [
        await encodeVolume(image, '.png'),
        await encodeVolume({ ...image, channels: ['0'], voxels: new Uint16Array(30).fill(700) }, '.png'),
      ],
      (b) => size(n++ % 2 === 0 ? b : mended(b), 'x.png'),
    );
  });
  it('TIFF', async () => {
    const stack = await collect(encodeFiles(volume(1), '.tif')[0]!.chunks);
    const fixture = (name: string): Uint8Array =>
      new Uint8Array(readFileSync(new URL(`../../fixtures/tiff/${name}.tif`, import.meta.url)));
    const names = ['one_bit', 'one_bit_packbits', 'lzw', 'tiled', 'color_planes', 'jpeg_color', 'ome', 'imagej'];
    const seeds = [...names, 'fax_rle', 'fax_g3_2d', 'fax_g4', 'zstandard', 'palette'].map(fixture);
    await survives(
      [stack, await collect(encodeFiles(volume(3), '.tif')[0]!.chunks), ...seeds],
      (b) => size(b, 'x.tif'),
      500,
    );
  });
  it('NPY', async () => survives([await encodeVolume(volume(1), '.npy')], (b) => size(b, 'x.npy'), 128));
  it('zip', async () => {
    const files = [new Uint8Array(90).fill(7), new TextEncoder().encode('a line '.repeat(30))].map((bytes, i) => ({
      name: String(i),
      bytes,
    }));
    const seeds = await Promise.all(
      [{}, { compress: true }, { wideFrom: 0 }, { align: 64 }].map((options) => encodeZip(files, options)),
    );
    const read = async (bytes: Uint8Array): Promise<number> => {
      const zip = new Zip(bytes);
      let total = 0;
      for (const name of zip.entries.keys()) total += (await zip.read(name)).length;
      return total;
    };
    // the directory stands at the end: half of the mutants are hurt there
    let n = 0;
    await survives(seeds, (b) => read(n++ % 2 === 0 ? b : directoryHurt(seeds[n % seeds.length]!, n)), 120);
  });
  it('NPZ', async () => {
    const plain = await encodeVolume(volume(1), '.npy');
    const whole = await encodeVolume(volume(1), '.npz');
    let n = 0;
    await survives(
      [plain],
      async (b) =>
        n++ % 4 === 0
          ? size(injured(whole, n, { focus: 400 }), 'x.npz')
          : (await decodeNpz(await encodeZip([{ name: 'voxels.npy', bytes: b }]))).get('voxels')!.data.byteLength,
      128,
    );
  });
  it('Blosc2 arrays', async () => {
    const seeds = ['zstd_shuffle', 'lz4hc_shuffle', 'blosclz_shuffle', 'lz4_bitshuffle', 'zstd_delta', 'zeros'].map(
      (name) => new Uint8Array(readFileSync(new URL(`../../fixtures/blosc2/${name}.b2nd`, import.meta.url))),
    );
    // A mark in the index stands for a chunk of any size: here the limit bounds the memory, not the bytes.
    const limitBytes = 1 << 16;
    await survives(seeds, async (b) => Math.max(0, (await decodeB2nd(b, { limitBytes })).data.byteLength - limitBytes));
  });
  it('MRC', async () => {
    const bytes = new Uint8Array(1024 + 48);
    const view = new DataView(bytes.buffer);
    [
      [0, 4],
      [4, 3],
      [8, 2],
      [12, 1],
      [28, 4],
      [32, 3],
      [36, 2],
    ].forEach(([o, v]) => view.setInt32(o!, v!, true));
    [40, 44, 48].forEach((o) => view.setFloat32(o, 10, true));
    bytes.set([0x4d, 0x41, 0x50, 0x20, 0x44, 0x44], 208);
    await survives([bytes], (b) => size(b, 'x.mrc'), 230);
  });
  it('JPEG', async () => {
    const seeds = ['gray', 'color_420', 'progressive'].map(
      (name) => new Uint8Array(readFileSync(new URL(`../../fixtures/jpeg/${name}.jpg`, import.meta.url))),
    );
    await survives(seeds, (b) => size(b, 'x.jpg'), 700);
  });
  it('NRRD and MetaImage in several files', async () => {
    const lines = ['NRRD0004', 'type: short', 'dimension: 3', 'sizes: 4 3 2', 'endian: little', 'encoding: raw'];
    const seeds = [
      [...lines, 'line skip: 1', 'data file: s%d 0 1 1', ''],
      [...lines, 'byte skip: 2', 'data file: LIST', 's0', 's1', ''],
      ['NDims = 3', 'DimSize = 4 3 2', 'ElementType = MET_SHORT', 'HeaderSize = -1', 'ElementDataFile = s%d 0 1 1', ''],
    ].map((text) => new TextEncoder().encode(text.join('\n')));
    const part = new TextEncoder().encode('a line\nand what follows it, which is long enough');
    await survives(
      seeds,
      async (b) => {
        const companions = (name: string): Promise<ByteSource> => Promise.resolve(bytesSource(part, name));
        const { voxels } = await decodeVolume(b, {
          fileName: b[0] === 78 && b[1] === 68 ? 'x.mhd' : 'x.nhdr',
          companions,
        });
        return voxels.byteLength;
      },
      200,
    );
  });
  it('MGH', async () => {
    const seeds = ['i2.mgh', 'f4.mgh'].map(
      (name) => new Uint8Array(readFileSync(new URL(`../../fixtures/mgh/${name}`, import.meta.url))),
    );
    await survives(seeds, (b) => size(b, 'x.mgh'), 90);
  });
  it('safetensors', async () => {
    const seed = encodeSafetensors(
      new Map([
        ['a', { shape: [2, 3], data: new Float32Array(6) }],
        ['b', { shape: [4], data: new Uint8Array(4) }],
      ]),
      { k: 'v' },
    );
    await survives(
      [seed],
      async (b) => [...decodeSafetensors(b).tensors.values()].reduce((sum, t) => sum + t.data.byteLength, 0),
      200,
    );
  });
  it('torch', async () => {
    const fixture = (name: string): Uint8Array =>
      readFileSync(new URL(`../../fixtures/torch/${name}`, import.meta.url));
    const zip = new Zip(fixture('zip.pth'));
    const records = await Promise.all(
      [...zip.entries.keys()].map(async (name) => ({ name, bytes: await zip.read(name) })),
    );
    const pickle = records.find((r) => r.name.endsWith('data.pkl'))!.bytes;
    const legacy = fixture('legacy.pth');
    const sizeOf = async (b: Uint8Array): Promise<number> =>
      [...torchArrays(await decodeTorch(b)).values()].reduce((sum, a) => sum + a.data.byteLength, 0);
    let n = 0;
    await survives(
      [pickle],
      async (b) =>
        n++ % 3 === 0
          ? sizeOf(injured(legacy, n, { focus: legacy.length }))
          : sizeOf(await encodeZip(records.map((r) => (r.name.endsWith('data.pkl') ? { name: r.name, bytes: b } : r)))),
      pickle.length,
    );
  });
  it('pairs do not read what their header does not name', async () => {
    const files = encodeFiles(volume(1), '.mhd', { name: 'x' });
    const header = new TextDecoder().decode(await collect(files[0]!.chunks));
    const asked: string[] = [];
    for (const name of ['../x.zraw', '/etc/passwd', 'C:\\x', 'LIST', 'x%d.raw'])
      await expect(
        decodeVolume(new TextEncoder().encode(header.replace('x.zraw', name)), {
          fileName: 'x.mhd',
          companions: async (n) => (asked.push(n), bytesSource(new Uint8Array(9))),
        }),
      ).rejects.toMatchObject({ code: 'format' });
    expect(asked.filter((n) => /[/\\]/.test(n))).toEqual([]);
  });
});

/** An archive injured in its last bytes. */
function directoryHurt(archive: Uint8Array, number: number): Uint8Array {
  const from = Math.floor(archive.length / 2);
  const tail = injured(archive.subarray(from), number, { focus: archive.length - from });
  return Uint8Array.from([...archive.subarray(0, from), ...tail]);
}

/** A PNG whose chunks have the checksums that they need to be looked into. */
function mended(png: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(png);
  const view = new DataView(bytes.buffer);
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) break;
    view.setUint32(at + 8 + length, crc32(bytes.subarray(at + 4, at + 8 + length)));
    at += 12 + length;
  }
  return bytes;
}
