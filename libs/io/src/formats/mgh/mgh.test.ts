/** FreeSurfer's volumes against nibabel (tools/fixtures/mgh.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeVolume } from '../../volume-file.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/mgh/${name}`, import.meta.url)));
const expected = JSON.parse(new TextDecoder().decode(fixture('expected.json'))) as Record<
  string,
  { readonly shape: readonly number[]; readonly values: readonly number[]; readonly affine: readonly number[][] }
>;

describe('MGH', () => {
  it.each(Object.entries(expected))('%s', async (fileName, { shape, values, affine }) => {
    const { grid, channels, voxels, source } = await decodeVolume(fixture(fileName), { fileName });
    expect([channels.length, ...grid.shape]).toEqual(shape);
    expect([...voxels]).toEqual([...Float32Array.from(values)]);
    // nibabel counts voxels x, y, z
    affine.forEach(([x, y, z, origin], row) =>
      [z!, y!, x!, origin!].forEach((v, column) => expect(grid.affine[row * 4 + column]).toBeCloseTo(v, 4)),
    );
    expect(source.warnings.some((w) => w.code === 'no-orientation')).toBe(fileName.startsWith('unplaced'));
  });

  it('is refused where it is cut off, or something else', async () => {
    const bytes = fixture('i2.mgh');
    for (const cut of [0, 100, 300])
      await expect(decodeVolume(bytes.subarray(0, cut), { fileName: 'x.mgh' })).rejects.toMatchObject({
        code: 'format',
      });
    const other = bytes.slice();
    other[3] = 2;
    await expect(decodeVolume(other, { fileName: 'x.mgh' })).rejects.toThrow('begins with version 2');
  });
});
