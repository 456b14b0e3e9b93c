/** Analyze pairs placed by SPM's .mat, against nibabel's affines (tools/fixtures/spm.py). */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../bytes/byte-source.ts';
import { readVolume } from '../../node.ts';
import { spmAffine } from './spm-mat.ts';

const place = (name: string): string => fileURLToPath(new URL(`../../../fixtures/spm/${name}`, import.meta.url));
const expected = JSON.parse(readFileSync(place('expected.json'), 'utf8')) as Record<string, number[][]>;

describe('SPM .mat', () => {
  it.each(Object.entries(expected))('%s', async (name, rows) => {
    const { grid, voxels } = await readVolume(place(`${name}.img`));
    expect(grid.shape).toEqual([3, 4, 5]);
    // nibabel counts voxels x, y, z
    const turned = rows.flatMap(([x, y, z, origin]) => [z!, y!, x!, origin!]);
    turned.forEach((v, i) => expect(grid.affine[i]).toBeCloseTo(v, 6));
    expect(voxels[1]).toBe(12);
  });

  const given = (bytes: Uint8Array): Promise<Float64Array | undefined> => spmAffine(bytesSource(bytes, 'x.mat'));
  it('passes over an empty file and refuses what holds no position', async () => {
    expect(await given(new Uint8Array(0))).toBeUndefined();
    const bytes = new Uint8Array(readFileSync(place('level4.mat')));
    await expect(given(bytes.subarray(0, 90))).rejects.toThrow('x.mat: is cut off');
    const renamed = bytes.slice();
    renamed[20] = 'c'.charCodeAt(0);
    await expect(given(renamed)).rejects.toThrow('holds cat; a matrix "mat" or "M" was expected');
    const small = bytes.slice();
    small.set([2, 0, 0, 0, 8], 4);
    await expect(given(small)).rejects.toThrow('2 x 8');
  });
});
