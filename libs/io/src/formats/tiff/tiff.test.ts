/** TIFF as other programs write it, against what tifffile and Pillow read (tools/fixtures/tiff.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { spacing } from '@voxelwise/volume';
import { decodeVolume } from '../../volume-file.ts';
import { pageAxes } from './tiff-axes.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/tiff/${name}`, import.meta.url)));
const expected = JSON.parse(new TextDecoder().decode(fixture('expected.json'))) as Record<
  string,
  { readonly shape: readonly number[]; readonly values: readonly number[]; readonly spacing?: readonly number[] | null }
>;

/** Gives a tag of the first page another value, in place. */
function setTag(bytes: Uint8Array, tag: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const directory = view.getUint32(4, true);
  for (let i = 0; i < view.getUint16(directory, true); i++) {
    const at = directory + 2 + 12 * i;
    if (view.getUint16(at, true) === tag) view.setUint16(at + 8, value, true);
  }
}

describe('TIFF', () => {
  it.each(Object.entries(expected))('%s', async (name, { shape, values, spacing: mm }) => {
    const volume = await decodeVolume(fixture(`${name}.tif`), { fileName: `${name}.tif` });
    expect([volume.channels.length, ...volume.grid.shape]).toEqual(shape);
    // colors from luma and chromas are rounded differently by every decoder
    const tolerance = name === 'jpeg_color' ? 3 : name === 'jpeg_gray' ? 1 : 0;
    expect(volume.voxels.length).toBe(values.length);
    expect(volume.voxels.reduce((worst, v, i) => Math.max(worst, Math.abs(v - values[i]!)), 0)).toBeLessThanOrEqual(
      tolerance,
    );
    (mm ?? [1, 1, 1]).forEach((v, axis) => expect(spacing(volume.grid)[axis]! / v).toBeCloseTo(1, 5));
  });

  it('names the channels that OME names', async () => {
    expect((await decodeVolume(fixture('ome.tif'))).channels).toEqual(['DAPI', 'GFP', 'RFP']);
  });

  /** A fixture with another text of the same length in it. */
  const edited = (name: string, from: string, to: string): Uint8Array => {
    const bytes = fixture(`${name}.tif`).slice();
    const at = new TextDecoder('latin1').decode(bytes).indexOf(from);
    expect([at > 0, to.length]).toEqual([true, from.length]);
    bytes.set(new TextEncoder().encode(to), at);
    return bytes;
  };

  it('refuses descriptions that do not fit the pages', async () => {
    await expect(decodeVolume(edited('imagej', 'channels=3', 'channels=2'))).rejects.toThrow('there are 24');
    await expect(decodeVolume(edited('ome', 'SizeZ="4"', 'SizeZ="9"'))).rejects.toThrow(
      '27 planes, 12 pages are there',
    );
    await expect(decodeVolume(edited('ome', '"XYCZT"', '"XYQZT"'))).rejects.toThrow('fit no image');
  });

  it('follows the pages that OME gives to the planes', () => {
    const refuse = (message: string): never => {
      throw new Error(message);
    };
    const axesOf = (blocks: string): readonly (readonly number[])[] =>
      pageAxes(
        {
          count: 4,
          samples: 1,
          resolution: [undefined, undefined],
          description: `<OME><Image><Pixels DimensionOrder="XYZCT" SizeC="2" SizeZ="2" SizeT="1">${blocks}</Pixels></Image></OME>`,
        },
        refuse,
      ).pages;
    expect(axesOf('<TiffData/>')).toEqual([
      [0, 1],
      [2, 3],
    ]);
    const two = '<TiffData IFD="0" FirstC="1" PlaneCount="2"/><TiffData IFD="2" PlaneCount="2"/>';
    expect(axesOf(two)).toEqual([
      [2, 3],
      [0, 1],
    ]);
    expect(() => axesOf('<TiffData IFD="0" FirstC="1"/>')).toThrow('a page to several planes');
    expect(() => axesOf('<TiffData IFD="3" PlaneCount="2"/>')).toThrow('4 pages are there');
  });

  it('reads the pages that follow ImageJ’s only directory', async () => {
    const bytes = fixture('imagej.tif').slice();
    const view = new DataView(bytes.buffer);
    const littleEndian = bytes[0] === 0x49;
    const first = view.getUint32(4, littleEndian);
    const whole = await decodeVolume(fixture('imagej.tif'));
    view.setUint32(first + 2 + 12 * view.getUint16(first, littleEndian), 0, littleEndian);
    expect((await decodeVolume(bytes)).voxels).toEqual(whole.voxels);
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

  it('unpacks faxes', async () => {
    const { width, bits, files } = JSON.parse(new TextDecoder().decode(fixture('faxes.json'))) as {
      readonly width: number;
      readonly bits: readonly string[];
      readonly files: readonly string[];
    };
    const page = bits.flatMap((row) =>
      [...Buffer.from(row, 'hex')]
        .flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((b) => (byte >> b) & 1))
        .slice(0, width),
    );
    for (const name of files) {
      const { grid, voxels } = await decodeVolume(fixture(`${name}.tif`));
      expect([name, grid.shape]).toEqual([name, [1, bits.length, width]]);
      expect(voxels).toEqual(Uint8Array.from(page));
      await expect(decodeVolume(fixture(`${name}.tif`).fill(0, 600, 700))).rejects.toMatchObject({ field: 'strip' });
    }
  });

  it('gives the indices of a palette for labels, and tells what is odd about the samples', async () => {
    const bytes = fixture('palette.tif');
    const labels = await decodeVolume(bytes, { kind: 'labels' });
    expect([labels.channels.length, labels.source.warnings[0]?.code]).toEqual([1, 'palette']);
    setTag(bytes, 262, 0);
    const white = await decodeVolume(bytes);
    expect(white.voxels).toEqual(labels.voxels);
    expect(white.source.warnings.map((w) => w.code)).toEqual(['white-is-zero']);
  });

  it('names packings that are not read', async () => {
    const bytes = fixture('jpeg_gray.tif');
    setTag(bytes, 259, 6);
    await expect(decodeVolume(bytes)).rejects.toThrow('compression 6 (old-style JPEG) is not read');
  });
});
