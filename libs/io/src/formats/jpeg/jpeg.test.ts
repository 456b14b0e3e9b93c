/** JPEG pictures against Pillow (tools/fixtures/jpeg.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeVolume } from '../../volume-file.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/jpeg/${name}`, import.meta.url)));
const expected = JSON.parse(new TextDecoder().decode(fixture('expected.json'))) as Record<
  string,
  { readonly shape: readonly number[]; readonly values: readonly number[] }
>;

describe('JPEG', () => {
  it.each(Object.entries(expected))('%s', async (name, { shape, values }) => {
    // by its bytes, whatever the name
    const { grid, channels, voxels } = await decodeVolume(fixture(`${name}.jpg`), { fileName: 'picture.png' });
    expect([channels.length, ...grid.shape.slice(1)]).toEqual(shape);
    const worst = voxels.reduce((most, v, i) => Math.max(most, Math.abs(v - values[i]!)), 0);
    // every decoder rounds the transform and the colors differently
    expect(worst).toBeLessThanOrEqual(3);
  });

  it('is refused as a label, and where it is cut off', async () => {
    const bytes = fixture('gray.jpg');
    await expect(decodeVolume(bytes, { kind: 'labels' })).rejects.toThrow('whose packing changes values');
    for (const cut of [3, 30, bytes.length / 2])
      await expect(decodeVolume(bytes.subarray(0, cut), { fileName: 'x.jpg' })).rejects.toMatchObject({
        code: 'format',
      });
  });
});
