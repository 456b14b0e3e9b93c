/** Encodings that are read and not written, against files made with Python's bz2 (tools/fixtures/nrrd_encodings.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../errors.ts';
import { decodeVolume } from '../../volume-file.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/nrrd/${name}.nrrd`, import.meta.url)));
const values = Int16Array.from({ length: 8 * 9 * 10 }, (_, k) => (k % 97 < 60 ? 0 : ((k * k * 7919) % 4001) - 2000));

describe('NRRD encodings', () => {
  it.each(['bzip2', 'bzip2_two_streams', 'hex'])('%s', async (name) => {
    const volume = await decodeVolume(fixture(name), { fileName: `${name}.nrrd` });
    expect(volume.grid.shape).toEqual([8, 9, 10]);
    expect(volume.voxels).toEqual(values);
  });

  it.each(['bzip2', 'hex'])('%s cut short or damaged is refused', async (name) => {
    const whole = fixture(name);
    for (let length = 120; length < whole.length - 1; length += 13)
      await expect(decodeVolume(whole.slice(0, length), { fileName: 'x.nrrd' })).rejects.toBeInstanceOf(FormatError);
    const damaged = whole.slice();
    damaged[whole.length - 60]! ^= 0x84;
    await expect(decodeVolume(damaged, { fileName: 'x.nrrd' })).rejects.toMatchObject({
      code: 'format',
      file: 'x.nrrd',
      byteOffset: expect.any(Number) as number,
    });
  });
});
