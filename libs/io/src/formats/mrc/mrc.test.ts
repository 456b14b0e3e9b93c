/** MRC as its writers differ, against mrcfile (tools/fixtures/mrc.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../bytes/byte-source.ts';
import { decodeVolume, openSource } from '../../volume-file.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/mrc/${name}`, import.meta.url)));
interface Expected {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** Along z, y, x of the file: Ångström along the cell's axes. */
  readonly steps: readonly (readonly number[])[];
  readonly origin: readonly number[];
}
const expected = JSON.parse(new TextDecoder().decode(fixture('expected.json'))) as Record<string, Expected>;

describe('MRC', () => {
  it.each(Object.entries(expected))('%s', async (name, { shape, values, steps, origin }) => {
    const { grid, channels, voxels } = await decodeVolume(fixture(`${name}.mrc`), { fileName: `${name}.mrc` });
    expect([channels.length, ...grid.shape]).toEqual(shape);
    expect([...voxels]).toEqual(values);
    // the cell's axes are taken as left, posterior, superior
    [-1, -1, 1].forEach((sign, row) =>
      [...steps, origin].forEach((vector, column) =>
        expect(grid.affine[row * 4 + column]! * 1e7).toBeCloseTo(sign * vector[row]!, 5),
      ),
    );
  });

  /** 5 x 3 x 2 voxels of 1.5 mm behind a header in either byte order. */
  const made = (mode: number, voxels: Uint8Array, littleEndian: boolean): Uint8Array => {
    const bytes = new Uint8Array(1024 + voxels.length);
    const view = new DataView(bytes.buffer);
    [5, 3, 2, mode].forEach((word, i) => view.setInt32(4 * i, word, littleEndian));
    [5, 3, 2].forEach((word, i) => view.setInt32(28 + 4 * i, word, littleEndian));
    [5, 3, 2].forEach((word, i) => view.setFloat32(40 + 4 * i, 1.5e7 * word, littleEndian));
    bytes.set([0x4d, 0x41, 0x50, 0x20], 208);
    bytes.set(voxels, 1024);
    return bytes;
  };

  it.each([true, false])('finds the byte order of bytes, whose mode is zero (little-endian %s)', async (order) => {
    const { voxels } = await decodeVolume(made(0, new Uint8Array(30).fill(255, 29), order));
    expect([voxels.length, voxels[0], voxels[29]]).toEqual([30, 0, -1]);
  });

  it('splits half bytes, rows beginning at whole ones', async () => {
    const packed = Uint8Array.from({ length: 18 }, (_, i) => i * 14);
    const volume = await decodeVolume(made(101, packed, true));
    const halves = Array.from({ length: 30 }, (_, i) => {
      const [row, x] = [Math.floor(i / 5), i % 5];
      return (packed[row * 3 + (x >> 1)]! >> (x % 2 === 0 ? 0 : 4)) & 15;
    });
    expect([...volume.voxels]).toEqual(halves);
    const slab = await (await openSource(bytesSource(made(101, packed, true)))).readSlab([1, 2]);
    expect([...slab.voxels]).toEqual(halves.slice(15));
    await expect(decodeVolume(made(101, packed.subarray(2), true))).rejects.toMatchObject({ code: 'format' });
  });
});
