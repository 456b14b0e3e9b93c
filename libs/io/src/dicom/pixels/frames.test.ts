/** Every pixel encoding against values decoded by pydicom with gdcm: bit for bit where lossless, within 2 where not. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../errors.ts';
import { parseDicom } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import type { Keyword } from '../dataset/tags.ts';
import { bytesOf, corpora, expectations, fixtures } from '../testing/corpus.ts';
import { openFrames } from './frames.ts';
import { pixelFormat } from './pixel-format.ts';

interface ExpectedPixels {
  readonly [field: string]: unknown;
  readonly lossy?: boolean;
  readonly pixel_error?: string;
  readonly pixels?: {
    readonly min: number;
    readonly max: number;
    readonly mean: number;
    readonly sha256: string;
    readonly shape: readonly number[];
  };
}

async function storedValues(bytes: Uint8Array, name: string): Promise<{ values: Float64Array; raw: Uint8Array }> {
  const file = parseDicom(bytes, name);
  const format = pixelFormat(file);
  const reader = await openFrames(file, format);
  const frames = [];
  for (let i = 0; i < format.frames; i++) frames.push((await reader.read(i)).values);
  const raw = Buffer.concat(frames.map((f) => new Uint8Array(f.buffer, f.byteOffset, f.byteLength)));
  return { values: Float64Array.from(frames.flatMap((f) => [...f])), raw };
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
/** JPEG decoders round their transforms differently; for files without stored reference values only their statistics can be compared. */
const JPEG = /\.(50|51)$/;

for (const corpus of corpora) {
  const expected = expectations<ExpectedPixels>(corpus, 'expected-pixels.json');
  describe(`stored values: ${corpus.name}`, () => {
    for (const [name, entry] of Object.entries(expected)) {
      if (entry.pixels === undefined && entry.pixel_error === undefined) continue;
      it(name, async () => {
        const bytes = bytesOf(corpus, name);
        if (entry.pixels === undefined && !/\.20[123]$/.test(String(entry['transferSyntax'])))
          return void (await expect(storedValues(bytes, name)).rejects.toThrow(FormatError));
        // Garbage inside the stream: the reference decodes noise from it, we refuse.
        if (name.includes('embedded-sequence-delimiter'))
          return void (await expect(storedValues(bytes, name)).rejects.toThrow(FormatError));
        const { values, raw } = await storedValues(bytes, name);
        if (entry.pixels === undefined) return void expect(new Set(values).size).toBeGreaterThan(16);
        if (name.endsWith('JLSL_16_15_1_1F.dcm')) {
          // Signed in 15 bits: the reference leaves the sign unextended, so the stored bits are compared.
          const bits = Uint16Array.from(values, (v) => v & 0x7fff);
          return void expect(hash(new Uint8Array(bits.buffer))).toBe(entry.pixels.sha256);
        }
        const reference = `reference/${name.split('/').at(-1)}.gz`;
        if (JPEG.test(String(entry['transferSyntax'])) && hash(raw) !== entry.pixels.sha256) {
          if (existsSync(join(fixtures.folder, reference))) {
            const stored = bytesOf(fixtures, reference);
            const wanted = new Int32Array(stored.buffer, stored.byteOffset, stored.byteLength / 4);
            expect(values.length).toBe(wanted.length);
            expect(values.reduce((worst, v, i) => Math.max(worst, Math.abs(v - wanted[i]!)), 0)).toBeLessThanOrEqual(2);
          } else {
            expect(values.reduce((sum, v) => sum + v, 0) / values.length).toBeCloseTo(entry.pixels.mean, 0);
            expect(Math.abs(values.reduce((a, b) => Math.max(a, b)) - entry.pixels.max)).toBeLessThanOrEqual(2);
          }
          return;
        }
        expect(hash(raw)).toBe(entry.pixels.sha256);
      });
    }
  });

  describe(`headers: ${corpus.name}`, () => {
    const texts: readonly Keyword[] = [
      'SOPClassUID',
      'Modality',
      'PhotometricInterpretation',
      'PatientID',
      'PatientName',
    ];
    const numbers: readonly Keyword[] = [
      'Rows',
      'Columns',
      'SamplesPerPixel',
      'BitsAllocated',
      'BitsStored',
      'HighBit',
      'PixelRepresentation',
      'RescaleSlope',
      'RescaleIntercept',
    ];
    it.each(Object.keys(expected))('%s', (name) => {
      const entry = expected[name]!;
      // Not DICOM at all (its first bytes name a group that does not exist); pydicom reads one element when forced.
      if (name.endsWith('/no_meta.dcm'))
        return void expect(() => parseDicom(bytesOf(corpus, name), name)).toThrow(FormatError);
      const { meta, dataset } = parseDicom(bytesOf(corpus, name), name);
      expect(meta.string(TAG.TransferSyntaxUID) ?? null).toBe(entry['transferSyntax'] ?? null);
      for (const field of texts)
        if (typeof entry[field] === 'string')
          expect([field, dataset.string(TAG[field])]).toEqual([field, entry[field]]);
      for (const field of numbers)
        if (typeof entry[field] === 'number')
          expect([field, dataset.number(TAG[field])]).toEqual([field, entry[field]]);
    });
  });
}
