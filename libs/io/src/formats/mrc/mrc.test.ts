/** MRC as its writers differ, against mrcfile (tools/fixtures/mrc.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeVolume } from '../../volume-file.ts';

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
});
