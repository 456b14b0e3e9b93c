/** Slices read in place against the general reader, for every way bits can be stored. */
import { describe, expect, it } from 'vitest';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { readDicomVolume } from './read-volume.ts';

/** The same source, able to fill memory: what a file on disk is. */
function filling(source: DicomSource): DicomSource {
  return {
    ...source,
    fillSync(offset, target) {
      const bytes = source.read(offset, target.length) as Uint8Array;
      target.set(bytes);
      return bytes.length;
    },
  };
}

/** The same source, filling memory while other work goes on: what a file of a browser is. */
function fillingAside(source: DicomSource): DicomSource {
  const { fillSync } = filling(source);
  return {
    ...source,
    fill: (offset, target) =>
      new Promise((resolve) => setTimeout(() => resolve(fillSync!(offset, target)), offset % 3)),
  };
}

describe('reading in place', () => {
  for (const signed of [false, true])
    for (const [bitsStored, highBit] of [
      [16, 15],
      [12, 11],
      [12, 15],
      [10, 12],
    ] as const)
      for (const intercept of [0, -1024, 7, -32768, -40000])
        for (const columns of [7, 8])
          it(`${signed ? 'signed' : 'unsigned'} ${bitsStored} bits below ${highBit}, intercept ${intercept}, ${columns} columns`, async () => {
            // Every second slice holds extremes; the bits outside the stored ones are garbage.
            const series = syntheticSeries({
              rows: 5,
              columns,
              slices: 3,
              value: (i, j, k) => (k === 1 ? (i * 9973 + j * 31 + k * 77) & 0xffff : 0x1234 + i) & 0xffff,
              edit: (c) => ({
                ...c,
                BitsStored: bitsStored,
                HighBit: highBit,
                PixelRepresentation: signed ? 1 : 0,
                RescaleSlope: 1,
                RescaleIntercept: intercept,
              }),
            });
            const general = await readDicomVolume(series);
            const direct = await readDicomVolume(series.map(filling));
            expect(direct.volume.voxels).toEqual(general.volume.voxels);
            const aside = await readDicomVolume(series.map(fillingAside));
            expect(aside.volume.voxels).toEqual(general.volume.voxels);
          });

  it('tells of a file that became shorter', async () => {
    const series = syntheticSeries({ rows: 8, columns: 8, slices: 3 });
    const cut = series.map((source): DicomSource => ({ ...fillingAside(source), fill: () => Promise.resolve(5) }));
    await expect(readDicomVolume(cut)).rejects.toThrow('became shorter while it was read: 5 of 128 bytes');
  });

  it('notices overflow at both ends and takes more bits', async () => {
    for (const [value, intercept] of [
      [0x8000, -1],
      [0x7fff, 1],
    ] as const) {
      const series = syntheticSeries({
        rows: 8,
        columns: 8,
        slices: 2,
        value: (i, j) => (i === 5 && j === 7 ? value : 0),
        edit: (c) => ({ ...c, PixelRepresentation: 1, RescaleSlope: 1, RescaleIntercept: intercept }),
      });
      for (const way of [filling, fillingAside]) {
        const { voxels } = (await readDicomVolume(series.map(way))).volume;
        expect(voxels).toBeInstanceOf(Int32Array);
        expect(voxels[7 * 8 + 5]).toBe(((value << 16) >> 16) + intercept);
      }
    }
  });
});
