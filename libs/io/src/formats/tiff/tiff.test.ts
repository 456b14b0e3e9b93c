/** TIFF as other programs write it, against what tifffile and Pillow read (tools/fixtures/tiff.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeVolume } from '../../volume-file.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/tiff/${name}`, import.meta.url)));
const expected = JSON.parse(new TextDecoder().decode(fixture('expected.json'))) as Record<
  string,
  { readonly shape: readonly number[]; readonly values: readonly number[] }
>;

describe('TIFF', () => {
  it.each(Object.entries(expected))('%s', async (name, { shape, values }) => {
    const volume = await decodeVolume(fixture(`${name}.tif`), { fileName: `${name}.tif` });
    expect([volume.channels.length, ...volume.grid.shape]).toEqual(shape);
    expect([...volume.voxels]).toEqual(values);
  });

  it('unpacks four bits to a sample', async () => {
    const bytes = fixture('one_bit.tif').slice();
    const view = new DataView(bytes.buffer);
    // The same pixels declared a quarter as wide, rows of 13 bits in two bytes: 4 samples of 4 bits each.
    const first = view.getUint32(4, true);
    // 1 bit is the default and goes without saying: the name of the writing program (305) makes room for it (258).
    for (let i = 0; i < view.getUint16(first, true); i++) {
      const at = first + 2 + i * 12;
      const tag = view.getUint16(at, true);
      if (tag === 256) view.setUint16(at + 8, 4, true);
      if (tag !== 305) continue;
      view.setUint16(at, 258, true);
      view.setUint16(at + 2, 3, true);
      view.setUint32(at + 4, 1, true);
      view.setUint32(at + 8, 4, true);
    }
    const { voxels } = await decodeVolume(bytes, { fileName: 'x.tif' });
    const bits = expected['one_bit']!.values;
    expect([...voxels]).toEqual(
      Array.from({ length: 28 }, (_, i) => {
        const [y, x] = [Math.floor(i / 4), i % 4];
        return [0, 1, 2, 3].reduce((sum, b) => sum * 2 + (x * 4 + b < 13 ? bits[y * 13 + x * 4 + b]! : 0), 0);
      }),
    );
  });
});
