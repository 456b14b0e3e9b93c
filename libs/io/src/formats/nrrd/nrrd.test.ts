/** Encodings that are read and not written, against files made with Python's bz2 (tools/fixtures/nrrd_encodings.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../errors.ts';
import { alignedGrid } from '@voxelwise/volume';
import { decodeVolume, encodeVolume } from '../../volume-file.ts';

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

/** A file of 4 x 3 x 2 shorts with these lines in its header. */
const file = (...lines: readonly string[]): Uint8Array =>
  Buffer.concat([
    Buffer.from(['NRRD0004', 'type: short', 'dimension: 3', 'sizes: 4 3 2', 'endian: little', ...lines].join('\n')),
    Buffer.from('\n\n'),
    new Uint8Array(48),
  ]);

describe('NRRD axes', () => {
  /** Step and position along x, y, z. */
  const placed = async (...lines: readonly string[]): Promise<readonly (readonly [number, number])[]> => {
    const { affine } = (await decodeVolume(file(...lines))).grid;
    return [-affine[2]!, -affine[5]!, affine[8]!].map((mm, i) => [mm, [-affine[3]!, -affine[7]!, affine[11]!][i]!]);
  };

  it('places the first sample by axis mins, between nodes or at them', async () => {
    const mins = ['spacings: 2 3 4', 'axis mins: 10 20 30'];
    const cells = [
      [2, 11],
      [3, 21.5],
      [4, 32],
    ];
    expect(await placed(...mins)).toEqual(cells);
    expect(await placed(...mins, 'centers: cell cell cell')).toEqual(cells);
    expect(await placed('axis mins: 10 20 30', 'axis maxs: 18 29 38')).toEqual(cells);
    const nodes = [
      [2, 10],
      [3, 20],
      [4, 30],
    ];
    expect(await placed(...mins, 'centers: node node node')).toEqual(nodes);
    expect(await placed('axismins: 10 20 30', 'axismaxs: 16 26 34', 'centerings: node node node')).toEqual(nodes);
  });

  it('turns units into millimetres', async () => {
    const space = ['space: LPS', 'space directions: (500,0,0) (0,700,0) (0,0,900)', 'space origin: (1000,2000,3000)'];
    const small = await placed(...space, 'space units: "um" "microns" "µm"');
    [0.5, 1, 0.7, 2, 0.9, 3].forEach((mm, i) => expect(small[i >> 1]![i & 1]).toBeCloseTo(mm, 12));
    expect(await placed('spacings: 2 3 4', 'units: "cm" "mm" "pixel"')).toEqual([
      [20, 0],
      [3, 0],
      [4, 0],
    ]);
  });

  it('reads 64-bit integers written as text', async () => {
    const text = file('encoding: ascii').subarray(0, -48);
    const long = Buffer.concat([
      Buffer.from(Buffer.from(text).toString().replace('short', 'int64')),
      Buffer.from('-7 9007199254740991 '.repeat(12)),
    ]);
    expect([...(await decodeVolume(long)).voxels.subarray(0, 2)]).toEqual([-7, 2 ** 53 - 1]);
    await expect(decodeVolume(Buffer.from(long.toString().replace('-7', '-7.5')))).rejects.toThrow(
      '"-7.5" is no int64',
    );
  });

  it('knows segments of before Slicer 4.11 by their order', async () => {
    const { source } = await decodeVolume(
      file('encoding: raw', 'Segment0_ID:=a', 'Segment0_Name:=liver', 'Segment1_ID:=b', 'Segment1_Name:=spleen'),
    );
    expect(source.segments).toEqual([
      { name: 'liver', value: 1, channel: 0 },
      { name: 'spleen', value: 1, channel: 1 },
    ]);
  });

  it('refuses headers without end, and segmentations of what is no label', async () => {
    const endless = Buffer.concat([file().subarray(0, -50), Buffer.from('# and so on\n'.repeat(100_000))]);
    await expect(decodeVolume(endless, { fileName: 'x.nrrd' })).rejects.toMatchObject({
      field: 'header',
      file: 'x.nrrd',
    });
    const image = await decodeVolume(file('encoding: raw'));
    const write = (voxels: Float32Array): Promise<Uint8Array> => encodeVolume({ ...image, voxels }, '.seg.nrrd');
    await expect(write(new Float32Array(24).fill(0.5))).rejects.toThrow('this volume has 0.5');
    const many = { grid: alignedGrid([1, 200, 200]), kind: 'intensity', channels: ['0'] } as const;
    await expect(
      encodeVolume({ ...many, voxels: Float32Array.from({ length: 40_000 }, (_, i) => i) }, '.seg.nrrd'),
    ).rejects.toThrow('looks like an image');
  });
});
