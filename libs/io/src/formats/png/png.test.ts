/** PNG of every color type and depth: the PngSuite, against what Pillow reads (tools/fixtures/png.py). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeVolume } from '../../volume-file.ts';
import type { DecodeOptions } from '../format.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/png/${name}`, import.meta.url)));
const expected = JSON.parse(new TextDecoder().decode(fixture('expected.json'))) as Record<
  string,
  { readonly bits: number; readonly shape: readonly number[]; readonly sha256: string; readonly indices?: string }
>;
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const read = (name: string, options: DecodeOptions = {}): ReturnType<typeof decodeVolume> =>
  decodeVolume(fixture(`${name}.png`), options);

describe('the PngSuite', () => {
  it.each(Object.entries(expected))('%s', async (name, { bits, shape, sha256, indices }) => {
    const { voxels, channels, grid } = await read(name);
    expect([channels.length, ...grid.shape.slice(1)]).toEqual(shape);
    // what Pillow makes of the stored values: gray of 2 and 4 bits widened, colors of 16 bits cut down
    const gray = channels.length === 1;
    const [times, shift] =
      bits < 8 && bits > 1 && gray ? [255 / ((1 << bits) - 1), 0] : [1, bits === 16 && !gray ? 8 : 0];
    const values = Int32Array.from(voxels, (v) => (v * times) >> shift);
    expect(hash(new Uint8Array(values.buffer))).toBe(sha256);
    if (indices === undefined) return;
    for (const options of [{ kind: 'labels' }, { palette: 'indices' }] as const) {
      const picture = await read(name, options);
      expect(picture.channels.length).toBe(1);
      expect(hash(Uint8Array.from(picture.voxels))).toBe(indices);
    }
  });

  it('says what is no PNG in spite of its name', async () => {
    const pdf = new TextEncoder().encode('%PDF-1.7 and more');
    await expect(decodeVolume(pdf, { fileName: 'label.png' })).rejects.toThrow('label.png: is a PDF document');
  });
});
