/** One suite for all formats that write: values, type, affine, channels come back. */
import { affineFrom, alignedGrid, compareGrids, sameGrid, spacing, worldOf } from '@voxelwise/volume';
import type { Grid, Matrix3, PerAxis, Volume } from '@voxelwise/volume';
import { describe, expect, it } from 'vitest';
import { decodeVolume, encodeFiles, encodeVolume } from '../volume-file.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { collect } from '../bytes/collect.ts';
import { newVoxels, voxelTypeOf } from '../voxels/stored-type.ts';
import type { VoxelType } from '../voxels/stored-type.ts';
import { FORMATS } from './catalogue.ts';
import { openSource } from '../volume-file.ts';

const GEOMETRIC = ['.nii', '.nii.gz', '.nrrd', '.mha'].filter((e) =>
  FORMATS.some((f) => f.encode && f.endings.includes(e)),
);
const TYPES: readonly VoxelType[] = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'float32', 'float64'];

/** Values that use the whole range of their type, the same every time. */
function pattern(type: VoxelType, length: number): Volume['voxels'] {
  const voxels = newVoxels(type, length);
  for (let i = 0; i < length; i++)
    voxels[i] = (((i * 2654435761) % 4294967296) - 2147483648) * (type.startsWith('float') ? 1.25e-3 : 1);
  return voxels;
}
function rotation(a: number, b: number, c: number): Matrix3 {
  const [ca, sa, cb, sb, cc, sc] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b), Math.cos(c), Math.sin(c)];
  return [
    ca * cb,
    ca * sb * sc - sa * cc,
    ca * sb * cc + sa * sc,
    sa * cb,
    sa * sb * sc + ca * cc,
    sa * sb * cc - ca * sc,
    -sb,
    cb * sc,
    cb * cc,
  ];
}
const times = (p: Matrix3, q: Matrix3): Matrix3 =>
  Array.from({ length: 9 }, (_, n) =>
    [0, 1, 2].reduce((sum, k) => sum + p[3 * Math.floor(n / 3) + k]! * q[3 * k + (n % 3)]!, 0),
  ) as unknown as Matrix3;

/** All 48 axis orders and signs, each turned by an oblique rotation, with unequal voxel edges. */
function* orientations(): Generator<Grid> {
  let n = 0;
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ])
    for (let signs = 0; signs < 8; signs++, n++)
      for (const oblique of [rotation(0, 0, 0), rotation(0.2 + n / 50, -0.3, 0.1 + n / 30)]) {
        const mm = [2.5, 0.7 + n / 100, 1.1];
        const m = new Array<number>(9).fill(0);
        order.forEach((world, axis) => (m[3 * world + axis] = (signs & (1 << axis) ? -1 : 1) * mm[axis]!));
        yield { shape: [2, 3, 4], affine: affineFrom(times(oblique, m as unknown as Matrix3), [-120.5 + n, 33.25, 7]) };
      }
}

describe.each(GEOMETRIC)('%s', (ending) => {
  it.each(TYPES)('keeps %s voxels and their type', async (type) => {
    const volume: Volume = {
      grid: alignedGrid([3, 4, 5], [3, 2, 1], [1, 2, 3]),
      kind: 'intensity',
      channels: ['0'],
      voxels: pattern(type, 60),
    };
    const back = await decodeVolume(await encodeVolume(volume, ending), { fileName: `x${ending}` });
    expect(voxelTypeOf(back.voxels)).toBe(type);
    expect([...back.voxels]).toEqual([...volume.voxels]);
    expect(back.source.warnings).toEqual([]);
  });

  it('keeps every voxel in its place, all 48 orientations, straight and oblique', async () => {
    for (const grid of orientations()) {
      const volume: Volume = { grid, kind: 'intensity', channels: ['0'], voxels: pattern('int16', 24) };
      const back = await decodeVolume(await encodeVolume(volume, ending), { fileName: `x${ending}` });
      expect([...back.voxels]).toEqual([...volume.voxels]);
      expect(sameGrid(back.grid, grid, { toleranceVoxels: 1e-4 })).toBe(true);
      spacing(back.grid).forEach((mm, axis) => expect(mm).toBeCloseTo(spacing(grid)[axis]!, 6));
      const corner: PerAxis = [1, 2, 3];
      worldOf(back.grid, corner).forEach((v, axis) => expect(v).toBeCloseTo(worldOf(grid, corner)[axis]!, 3));
    }
  });

  it('keeps several channels in their order', async () => {
    const volume: Volume = {
      grid: alignedGrid([2, 3, 4]),
      kind: 'intensity',
      channels: ['0', '1', '2'],
      voxels: pattern('int16', 72),
    };
    const back = await decodeVolume(await encodeVolume(volume, ending), {
      fileName: `x${ending}`,
      channels: ['T1', 'T2', 'FLAIR'],
    });
    expect(back.channels).toEqual(['T1', 'T2', 'FLAIR']);
    expect([...back.voxels]).toEqual([...volume.voxels]);
  });

  it('gives a slab on its own grid', async () => {
    const volume: Volume = {
      grid: alignedGrid([5, 3, 4], [2, 1, 1], [0, 0, 10]),
      kind: 'intensity',
      channels: ['0', '1'],
      voxels: pattern('float32', 120),
    };
    const reader = await openSource(bytesSource(await encodeVolume(volume, ending), `x${ending}`));
    const slab = await reader.readSlab([2, 4]);
    expect(slab.grid.shape).toEqual([2, 3, 4]);
    expect(worldOf(slab.grid, [0, 0, 0])).toEqual([0, 0, 14]);
    expect([...slab.voxels]).toEqual([...volume.voxels.slice(24, 48), ...volume.voxels.slice(84, 108)]);
  });

  it('refuses values that the type cannot hold', async () => {
    const volume: Volume = {
      grid: alignedGrid([1, 1, 2]),
      kind: 'intensity',
      channels: ['0'],
      voxels: Float32Array.of(1, 300),
    };
    await expect(async () => encodeVolume(volume, ending, { dtype: 'uint8' })).rejects.toThrow(/voxel 1 is 300/);
    const back = await decodeVolume(await encodeVolume(volume, ending, { dtype: 'int16' }));
    expect(back.voxels).toEqual(Int16Array.of(1, 300));
  });

  it('does not lose its end in silence', async () => {
    const volume: Volume = {
      grid: alignedGrid([4, 4, 4]),
      kind: 'intensity',
      channels: ['0'],
      voxels: pattern('int32', 64),
    };
    const bytes = await encodeVolume(volume, ending);
    for (const cut of [0, 1, 100, Math.floor(bytes.length / 2), bytes.length - 9])
      await expect(decodeVolume(bytes.subarray(0, cut), { fileName: `x${ending}` })).rejects.toMatchObject({
        code: 'format',
        file: `x${ending}`,
      });
  });
});

describe('from one format to another and back', () => {
  const formats = [...GEOMETRIC.filter((e) => e !== '.nii.gz'), '.npz'];
  const pairs = formats.flatMap((a) => formats.filter((b) => b !== a).map((b) => [a, b] as const));
  const moved = async (volume: Volume, ending: string): Promise<Volume> =>
    decodeVolume(await encodeVolume(volume, ending, { compress: false }), { fileName: `x${ending}` });

  it.each(pairs)('%s to %s, all 48 orientations, straight, oblique and sheared', async (a, b) => {
    let count = 0;
    for (const straight of orientations())
      for (const tilt of [0, 0.27]) {
        // a tilted gantry: slices slide along the columns
        const affine = straight.affine.map((v, i) => (i < 12 && i % 4 === 0 ? v + tilt * straight.affine[i + 1]! : v));
        const grid: Grid = { shape: straight.shape, affine: affine as Float64Array };
        const volume: Volume = { grid, kind: 'intensity', channels: ['0'], voxels: pattern('int16', 24) };
        const back = await moved(await moved(await moved(volume, a), b), a);
        expect(back.voxels).toEqual(volume.voxels);
        expect(compareGrids(back.grid, grid).cornerVoxels).toBeLessThan(1e-4);
        count++;
      }
    expect(count).toBe(48 * 2 * 2);
  });
});

describe('pairs of files', () => {
  const volume: Volume = {
    grid: alignedGrid([2, 3, 4], [3, 2, 1]),
    kind: 'intensity',
    channels: ['0'],
    voxels: pattern('uint16', 24),
  };
  it.each(['.hdr', '.hdr.gz', '.mhd'].filter((e) => FORMATS.some((f) => f.encode && f.endings.includes(e))))(
    '%s come back',
    async (ending) => {
      const files = new Map<string, Uint8Array>();
      for (const file of encodeFiles(volume, ending, { name: 'x' }))
        files.set(`x${file.ending}`, await collect(file.chunks));
      expect(files.size).toBe(2);
      const back = await decodeVolume(files.get(`x${ending}`)!, {
        fileName: `x${ending}`,
        companions: async (name) => (files.has(name) ? bytesSource(files.get(name)!, name) : undefined),
      });
      expect([...back.voxels]).toEqual([...volume.voxels]);
      expect(sameGrid(back.grid, volume.grid)).toBe(true);
      await expect(decodeVolume(files.get(`x${ending}`)!, { fileName: `x${ending}` })).rejects.toMatchObject({
        code: 'format',
      });
    },
  );
});
