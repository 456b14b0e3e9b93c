/** NIfTI against nibabel's reading of the same files, and against files that are broken on purpose. */
import { alignedGrid, spacing } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FormatError, decodeVolume, encodeVolume } from '../../index.ts';
import type { DecodedVolume } from '../../index.ts';
import { openVolume, readVolume, writeVolume } from '../../node.ts';

interface Expected {
  readonly shape: readonly number[];
  readonly affine: readonly (readonly number[])[];
  readonly zooms: readonly number[];
  readonly sha256_float32_ifastest?: string;
  readonly sha256_raw_ifastest?: string;
}
const fixtures = fileURLToPath(new URL('../../../fixtures/nifti/', import.meta.url));
const shared = process.env['VOXELWISE_SHARED'];
const roots = [fixtures, ...(shared ? [join(shared, 'data/nifti')] : [])];
const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8').replace(/\bNaN\b/g, 'null')) as T;
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Interleaved, as colors are stored. */
function interleaved({ voxels, channels }: DecodedVolume): Uint8Array {
  const n = voxels.length / channels.length;
  return Uint8Array.from(voxels, (_, i) => voxels[(i % channels.length) * n + Math.floor(i / channels.length)]!);
}

describe.each(roots)('agrees with nibabel on %s', (root) => {
  it.each(Object.entries(readJson<Record<string, Expected>>(join(root, 'expected.json'))))(
    '%s',
    async (name, expected) => {
      const volume = await readVolume(join(root, name));
      expect(volume.grid.shape).toEqual([expected.shape[2] ?? 1, expected.shape[1] ?? 1, expected.shape[0]]);
      // nibabel leaves micrometres as they are; world coordinates here are always millimetres
      const scale = name.includes('units_micron') ? 0.001 : 1;
      for (let row = 0; row < 3; row++)
        for (let column = 0; column < 4; column++) {
          const ours = volume.grid.affine[4 * row + [2, 1, 0, 3][column]!]!;
          expect(Math.abs(ours - expected.affine[row]![column]! * scale), `affine ${row},${column}`).toBeLessThan(1e-5);
        }
      if (expected.sha256_float32_ifastest)
        expect(sha(new Uint8Array(Float32Array.from(volume.voxels).buffer))).toBe(expected.sha256_float32_ifastest);
      if (expected.sha256_raw_ifastest) expect(sha(interleaved(volume))).toBe(expected.sha256_raw_ifastest);
    },
  );
});

describe.each(roots)('malformed files of %s', (root) => {
  it.each(Object.entries(readJson<Record<string, { expect: string }>>(join(root, 'malformed/expected.json'))))(
    '%s',
    async (name, { expect: verdict }) => {
      const path = join(root, 'malformed', name);
      const outcome = await readVolume(path, verdict === 'limit' ? { maxBytes: 1e8 } : {}).catch(
        (error: unknown) => error as Error,
      );
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(FormatError);
        expect(outcome).toMatchObject({
          file: expect.stringContaining(name.replace(/\.hdr$/, '')) as string,
          field: expect.any(String) as string,
          byteOffset: expect.any(Number) as number,
        });
        expect(verdict).toMatch(/reject|limit/);
      } else {
        expect(verdict).toMatch(/accept|warn|fallback/);
        expect(outcome.source.warnings.length).toBeGreaterThan(0);
      }
    },
  );
});

describe('lazy reading and whole writing', () => {
  const volume: Volume = {
    grid: alignedGrid([20, 30, 40], [2, 1, 1]),
    kind: 'intensity',
    channels: ['0'],
    voxels: Int16Array.from({ length: 24000 }, (_, i) => (i * 31) % 3000),
  };
  it.each(['x.nii', 'x.nii.gz', 'x.hdr', 'x.nrrd', 'x.mhd', 'x.npz', 'x.tif'])(
    '%s: header, slab, all; no other file is left',
    async (name) => {
      const folder = await mkdtemp(join(tmpdir(), 'voxelwise-'));
      try {
        await writeVolume(join(folder, name), volume);
        await writeVolume(join(folder, name), volume); // over itself
        expect((await readdir(folder)).filter((f) => f.startsWith('.'))).toEqual([]);
        const open = await openVolume(join(folder, name));
        expect([open.grid.shape, open.type, spacing(open.grid)]).toEqual([[20, 30, 40], 'int16', [2, 1, 1]]);
        expect((await open.readSlab([5, 6])).voxels).toEqual(volume.voxels.slice(6000, 7200));
        expect((await open.read()).voxels).toEqual(volume.voxels);
        await open.close();
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
  it('reads large packed files in place, and refuses damaged ones', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'voxelwise-'));
    const path = join(folder, 'x.nii.gz');
    try {
      const voxels = new Int16Array(40 * 100 * 100);
      for (let i = 0, s = 1; i < voxels.length; i++) voxels[i] = (s = (Math.imul(s, 1664525) + 1013904223) | 0) >> 16;
      const large: Volume = { grid: alignedGrid([40, 100, 100]), kind: 'intensity', channels: ['0'], voxels };
      const bytes = await encodeVolume(large, '.nii.gz');
      expect(bytes.length).toBeGreaterThan(1 << 18);
      expect((await decodeVolume(bytes)).voxels).toEqual(voxels);
      await writeVolume(path, large);
      expect((await readVolume(path)).voxels).toEqual(voxels);
      const flipped = Uint8Array.from(bytes);
      flipped[bytes.length >> 1]! ^= 4;
      const crc = Uint8Array.from(bytes);
      crc[bytes.length - 6]! ^= 1;
      const extra = gzipSync(
        Buffer.concat([Buffer.from(await encodeVolume(large, '.nii')), Buffer.alloc((1 << 24) + 9)]),
      );
      for (const broken of [
        bytes.subarray(0, bytes.length >> 1),
        bytes.subarray(0, bytes.length - 4),
        flipped,
        crc,
        extra,
      ]) {
        await writeFile(path, broken);
        await expect(readVolume(path)).rejects.toMatchObject({
          code: 'format',
          file: path,
          byteOffset: expect.any(Number) as number,
        });
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  it('leaves nothing under the final name when writing fails', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'voxelwise-'));
    try {
      await expect(writeVolume(join(folder, 'x.nii'), volume, { dtype: 'uint8' })).rejects.toThrow(/cannot hold/);
      await expect(writeVolume(join(folder, 'x.xyz'), volume)).rejects.toThrow(/no format writes/);
      expect(await readdir(folder)).toEqual([]);
      expect(existsSync(join(folder, 'x.nii'))).toBe(false);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  it('writes NIfTI-2 for axes longer than 32767', async () => {
    const long: Volume = {
      grid: alignedGrid([1, 1, 40000]),
      kind: 'labels',
      channels: ['labels'],
      voxels: new Uint8Array(40000).fill(3, 39999),
    };
    const back = await decodeVolume(await encodeVolume(long, '.nii'));
    expect([back.source.variant, back.kind, back.voxels[39999]]).toEqual(['nifti-2', 'labels', 3]);
  });
});

describe('options', () => {
  const volume: Volume = {
    grid: alignedGrid([2, 2, 2]),
    kind: 'intensity',
    channels: ['0'],
    voxels: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7),
  };
  it('respects a memory limit', async () => {
    await expect(decodeVolume(await encodeVolume(volume, '.nii'), { maxBytes: 16 })).rejects.toThrow(/the limit is 16/);
  });
  it('refuses shear when asked, and tells it otherwise', async () => {
    const affine = volume.grid.affine.slice();
    affine[4] = 0.6;
    const bytes = await encodeVolume({ ...volume, grid: { ...volume.grid, affine } }, '.nii');
    expect((await decodeVolume(bytes)).source.warnings.map((w) => w.code)).toEqual(['shear']);
    await expect(decodeVolume(bytes, { shear: 'refuse', fileName: 't.nii' })).rejects.toMatchObject({
      code: 'format',
      file: 't.nii',
      field: 'srow_x',
    });
  });
  it('refuses a 4D file as a label image', async () => {
    const two: Volume = { ...volume, channels: ['0', '1'], voxels: new Float32Array(16) };
    await expect(decodeVolume(await encodeVolume(two, '.nii'), { kind: 'labels' })).rejects.toThrow(
      /one value per voxel, this file has 2/,
    );
  });
  it('reads members of a gzip one after another', async () => {
    const bytes = await encodeVolume(volume, '.nii');
    const packed = Uint8Array.from([
      ...gzipSync(bytes.subarray(0, 100)),
      ...gzipSync(bytes.subarray(100, 360)),
      ...gzipSync(bytes.subarray(360)),
    ]);
    expect((await decodeVolume(packed)).voxels).toEqual(volume.voxels);
  });
  /** A volume of these long doubles, given as low and high halves, read. */
  const longDoubles = async (
    values: readonly (readonly [bigint, bigint])[],
    shape: readonly [number, number, number] = [1, 1, values.length],
  ): Promise<DecodedVolume> => {
    const grid = alignedGrid(shape);
    const head = { grid, kind: 'intensity', channels: ['0'], voxels: new Float32Array(values.length) } as const;
    const bytes = new Uint8Array(352 + 16 * values.length);
    bytes.set((await encodeVolume(head, '.nii')).subarray(0, 352));
    const view = new DataView(bytes.buffer);
    view.setInt16(70, 1536, true);
    view.setInt16(72, 128, true);
    values.forEach(([low, high], i) => {
      view.setBigUint64(352 + 16 * i, low, true);
      view.setBigUint64(360 + 16 * i, high, true);
    });
    return decodeVolume(bytes);
  };
  it('reads 128-bit floats, quadruples and Intel’s, and says what is lost', async () => {
    const quadruples = await longDoubles([
      [0x8469898cc51701b8n, 0x4000921fb54442d1n], // pi
      [0n, 0xbffe555555555555n],
      [0n, 0x7fff000000000000n],
      [1n, 0x7fff000000000000n],
      [0n, 0x43fe000000000000n],
      [0n, 0n],
    ]);
    expect([...quadruples.voxels]).toEqual([Math.PI, -(1 + 0x555555555555 / 2 ** 48) / 2, Infinity, NaN, 2 ** 1023, 0]);
    expect(quadruples.source.warnings.map((w) => w.code)).toEqual(['precision']);
    // as numpy.longdouble lies in memory on x86: six bytes of anything behind ten that count
    const padding = 0xcfca934d00000000n;
    const intel = await longDoubles([
      [0n, padding],
      [0xc90fdaa22168c235n, padding | 0x4000n], // pi
      [0x8000000000000000n, padding | 0xbfffn], // -1
    ]);
    expect([...intel.voxels]).toEqual([0, Math.PI, -1]);
  });
  it('knows long doubles of zeros by those that follow them', async () => {
    const zeros = Array.from({ length: 69_998 }, () => [0n, 0x3fff000000000000n] as const);
    const more = [[0x8000000000000000n, 0x3fffn] as const, [0x8000000000000000n, 0x7fffn] as const];
    const { voxels } = await longDoubles([...zeros, ...more], [1, 250, 280]);
    expect([voxels[0], voxels[69_997], voxels[69_998], voxels[69_999]]).toEqual([0, 0, 1, Infinity]);
  });
  it('scales complex numbers before it takes their magnitude', async () => {
    const bytes = new Uint8Array(352 + 8 * 8);
    bytes.set((await encodeVolume(volume, '.nii')).subarray(0, 352));
    const view = new DataView(bytes.buffer);
    view.setInt16(70, 32, true);
    view.setInt16(72, 64, true);
    view.setFloat32(112, 2, true);
    view.setFloat32(116, -3, true);
    view.setFloat32(352, 3, true);
    view.setFloat32(356, 2, true);
    // 2 * (3 + 2i) - 3 = 3 + 4i
    expect((await decodeVolume(bytes)).voxels[0]).toBe(5);
  });
});
