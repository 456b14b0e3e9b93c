/** Written segmentations as itk-wasm (dcmqi) reads them: every voxel, at its place in millimeters. */
import { readSegmentationNode } from '@itk-wasm/dicom';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { worldOf } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { dicomFolder } from '../node-files.ts';
import { readDicomVolume } from '../series/read-volume.ts';
import type { DicomVolume } from '../series/read-volume.ts';
import { parseDicom } from '../dataset/parse.ts';
import { bytesOf, fixtures } from '../testing/corpus.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { readSegmentation } from './read-segmentation.ts';
import { targetOf } from './target.ts';
import { writeSegmentation } from './write-segmentation.ts';

const at = (point: readonly number[]): string =>
  point.map((mm) => (Math.round(mm * 100) / 100 + 0).toFixed(2)).join(' ');

/** Label by place (RAS mm) of every voxel that has one. */
function placesOf({ grid, voxels }: Volume): Map<string, number> {
  const places = new Map<string, number>();
  const [, rows, columns] = grid.shape;
  voxels.forEach((label, i) => {
    const index = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns] as const;
    if (label !== 0) places.set(at(worldOf(grid, index)), label);
  });
  return places;
}

describe('itk-wasm', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'itk-wasm-'));
    // It reports what it reads.
    for (const method of ['log', 'error', 'warn'] as const)
      vi.spyOn(console, method).mockImplementation(() => undefined);
  });
  afterAll(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  async function compare({ stack }: DicomVolume, labels: Volume): Promise<void> {
    const path = join(folder, 'seg.dcm');
    const segments = [
      { label: 1, name: 'one', color: [200, 30, 40] as const },
      { label: 2, name: 'two', color: [20, 130, 40] as const },
    ];
    writeFileSync(path, await writeSegmentation(labels, stack, { segments }));
    const { segImage, metaInfo } = await readSegmentationNode(path);
    const { size, spacing, origin, direction, data } = segImage;
    const places = new Map<string, number>();
    (data as Int16Array).forEach((label, i) => {
      if (label === 0) return;
      const index = [i % size[0]!, Math.floor(i / size[0]!) % size[1]!, Math.floor(i / size[0]! / size[1]!)];
      const point = [0, 1, 2].map(
        (row) =>
          origin[row]! + index.reduce((sum, n, axis) => sum + direction[row * 3 + axis]! * spacing[axis]! * n, 0),
      );
      places.set(at([-point[0]!, -point[1]!, point[2]!]), label);
    });
    expect(places.size).toBeGreaterThan(20);
    expect(places).toEqual(placesOf(labels));
    const names = JSON.stringify(metaInfo);
    expect(names).toContain('"SegmentLabel":"one"');
    expect(names).toContain('"SegmentLabel":"two"');
  }

  it('reads a segmentation of a real series to the same voxels', async () => {
    const image = await readDicomVolume(dicomFolder(join(fixtures.folder, 'hippo_case/image')));
    const given = parseDicom(bytesOf(fixtures, 'hippo_case/seg_binary_2segments.dcm'), 'seg');
    await compare(image, (await readSegmentation(given, { target: targetOf(image.stack) })).volume);
  });

  it('reads one on an oblique, anisotropic grid to the same voxels', async () => {
    const image = await readDicomVolume(
      syntheticSeries({
        rows: 13,
        columns: 8,
        slices: 7,
        row: [0.8, 0.6, 0],
        column: [-0.36, 0.48, 0.8],
        step: [0.96, -1.28, 1.2],
        spacing: [0.9, 1.1],
        origin: [-12.25, 4, 100.125],
      }),
    );
    const { grid } = image.volume;
    // Something in every slice: the reader finds the distance of slices from those that are there. Frames of whole bytes: it takes
    // neighbors that share a byte for overlapping.
    const voxels = Uint8Array.from({ length: 7 * 13 * 8 }, (_, i) => ((i * 2654435761) >>> 7) % 3);
    await compare(image, { grid, kind: 'labels', channels: ['labels'], voxels });
  });
});
