/** Slices read by the layout of another: nothing that a scan tells may differ from what it tells when each is parsed by itself. */
import { join } from 'node:path';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { memorySource } from '../dataset/dicom-source.ts';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { HeaderShape } from '../dataset/header-shape.ts';
import * as parse from '../dataset/parse.ts';
import { corpora } from '../testing/corpus.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import type { Content } from '../write/encode.ts';
import type { DicomInstance, FrameInfo } from './instance.ts';
import { scanDicom } from './scan.ts';
import type { DicomScan } from './scan.ts';

interface File {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Reads into memory that is used again: those files may be read by the layout of another. */
function fromDisk({ name, bytes }: File): DicomSource {
  const source = memorySource(name, bytes);
  return {
    ...source,
    fillSync(offset, target) {
      const there = bytes.subarray(offset, offset + target.length);
      target.set(there);
      return there.length;
    },
  };
}

/** Everything a scan says, without the bytes it was read from. */
function told({ stacks, objects, damaged, foreign }: DicomScan): unknown {
  const frame = ({ instance, ...info }: FrameInfo): unknown => ({ ...info, instance: instance.name });
  const image = ({ file, frames, mosaic, ...info }: DicomInstance): unknown => ({
    ...info,
    syntax: file.syntax,
    pixels: file.pixels && { ...file.pixels, source: file.pixels.source.name },
    mosaic: mosaic && { ...mosaic, tiles: undefined },
    frames: frames.map(frame),
  });
  return {
    stacks: stacks.map(({ frames, instances, order, ...stack }) => ({
      ...stack,
      frames: frames.map(frame),
      instances: instances.map(image),
      order: order.map((channel) => channel.map(frame)),
    })),
    objects: objects.map(({ name }) => name),
    damaged: damaged.map(({ name, error }) => ({ ...error, name, message: error.message })),
    foreign,
  };
}

async function same(files: readonly File[]): Promise<number> {
  const fit = vi.spyOn(HeaderShape.prototype, 'fit');
  const one = await scanDicom(files.map(fromDisk));
  const fitted = fit.mock.results.filter(({ value }) => value !== undefined).length;
  fit.mockRestore();
  const each = await scanDicom(files.map(({ name, bytes }) => memorySource(name, bytes)));
  expect(told(one)).toEqual(told(each));
  return fitted;
}

function filesUnder(folder: string): File[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ name: path, bytes: new Uint8Array(readFileSync(path)) }));
}

describe.each(corpora)('$name', ({ folder }) => {
  const series = ['series', 'hippo_case', 'dicomdir'].filter((name) => existsSync(join(folder, name)));
  it.each(series)('%s', async (name) => {
    for (const entry of readdirSync(join(folder, name), { withFileTypes: true }))
      if (entry.isDirectory()) await same(filesUnder(join(folder, name, entry.name)));
    // All at once: series lie mixed, with objects and other files between them.
    expect(await same(filesUnder(join(folder, name)).filter((_, i) => i % 3 !== 1))).toBeGreaterThan(0);
  });
});

describe('series made on the spot', () => {
  const shape = { rows: 4, columns: 5, slices: 12 };
  const filesOf = (edit?: (content: Content, slice: number) => Content | undefined): File[] =>
    syntheticSeries({ ...shape, ...(edit === undefined ? {} : { edit }) }).map((source) => ({
      name: source.name,
      bytes: source.read(0, source.size) as Uint8Array,
    }));

  it('parses one slice and reads the others by its layout', async () => {
    const parsed = vi.spyOn(parse.Parser.prototype, 'readDataSet');
    expect(await same(filesOf())).toBe(11);
    // Two data sets to a file, the meta information being one: of one slice, then of every slice.
    expect(parsed.mock.calls.length).toBe(2 + 24);
    parsed.mockRestore();
  });

  it.each<readonly [string, (content: Content, slice: number) => Content | undefined]>([
    ['a slope of its own in one slice', (c, k) => ({ ...c, RescaleIntercept: -10, RescaleSlope: k === 5 ? 2 : 1 })],
    ['a slope that one slice lacks', (c, k) => (k === 5 ? c : { ...c, RescaleIntercept: -10, RescaleSlope: 1 })],
    ['another orientation', (c, k) => (k < 6 ? c : { ...c, ImageOrientationPatient: [0, 1, 0, 0, 0, 1] })],
    ['another size', (c, k) => (k === 5 ? { ...c, Rows: 5, Columns: 4 } : c)],
    ['other spacing', (c, k) => (k === 5 ? { ...c, PixelSpacing: [2, 2] } : c)],
    ['signed pixels', (c, k) => (k === 5 ? { ...c, PixelRepresentation: 1 } : c)],
    ['fewer bits', (c, k) => (k === 5 ? { ...c, BitsStored: 12, HighBit: 11 } : c)],
    ['another series', (c, k) => ({ ...c, SeriesInstanceUID: k % 2 === 0 ? '1.2.3.2' : '1.2.3.9' })],
    ['no position', (c, k) => (k === 5 ? { ...c, ImagePositionPatient: undefined } : c)],
    ['a position that is no number', (c, k) => (k === 5 ? { ...c, ImagePositionPatient: 'a\\b\\c' } : c)],
    ['too few pixels', (c, k) => (k === 5 ? { ...c, PixelData: new Uint8Array(8) } : c)],
    ['times and echoes', (c, k) => ({ ...c, AcquisitionTime: `0101${k}`, EchoTime: k % 2, AcquisitionNumber: k % 3 })],
    ['two of each', (c, k) => ({ ...c, ImagePositionPatient: [0, 0, k >> 1], TriggerTime: k })],
    ['a segmentation between', (c, k) => (k === 5 ? { ...c, SOPClassUID: '1.2.840.10008.5.1.4.1.1.66.4' } : c)],
    ['an object of another kind', (c, k) => (k === 5 ? { ...c, Modality: 'SEG', SegmentSequence: [{}] } : c)],
  ])('%s', async (_, edit) => {
    expect(await same(filesOf(edit as never))).toBeGreaterThan(0);
  });

  it('any byte of a header changed', async () => {
    const files = filesOf((c) => ({ ...c, RescaleIntercept: -10, RescaleSlope: 2, SliceThickness: 1 }));
    let seed = 7;
    const random = (below: number): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 1) % below;
    for (let round = 0; round < 400; round++) {
      const few = files.slice(0, 3).map(({ name, bytes }) => ({ name, bytes: bytes.slice() }));
      const { bytes } = few[1 + random(2)]!;
      for (let n = random(2); n >= 0; n--)
        bytes[128 + random(bytes.length - 128 - 40)] = random(4) === 0 ? random(256) : 48 + random(50);
      await same(few);
    }
  });
});
