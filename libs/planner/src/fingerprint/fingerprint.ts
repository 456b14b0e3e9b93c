/** What a data set is like: sizes, spacings, foreground intensities. The file `dataset_fingerprint.json` of nnU-Net v2. */
import { parsePythonJson, writePythonJson } from '@voxelwise/volume';
import { FingerprintError } from '../errors.ts';

/** Three numbers, array order, slowest axis first. */
export type Triple = readonly [number, number, number];

/** Statistics of one channel over samples of the foreground of all cases. */
export interface IntensityProperties {
  readonly max: number;
  readonly mean: number;
  readonly median: number;
  readonly min: number;
  readonly percentile_00_5: number;
  readonly percentile_99_5: number;
  readonly std: number;
}

/** As it stands in the file; spacings in millimetres. */
export interface Fingerprint {
  /** Channel number as text → statistics. */
  readonly foreground_intensity_properties_per_channel: Readonly<Record<string, IntensityProperties>>;
  /** Voxels inside the non-zero box ÷ all voxels, median over cases. */
  readonly median_relative_size_after_cropping: number;
  readonly shapes_after_crop: readonly Triple[];
  readonly spacings: readonly Triple[];
}

/** The text of the file: keys sorted, indent 4, floats as Python writes them. */
export function writeFingerprint(fingerprint: Fingerprint): string {
  return writePythonJson(fingerprint, { sortKeys: true, isFloat: ([key]) => key !== 'shapes_after_crop' });
}

/** Reads the text of the file. Throws: FingerprintError naming the field that is missing or wrong; JsonError. */
export function readFingerprint(text: string): Fingerprint {
  const value = parsePythonJson(text, 'dataset_fingerprint.json') as unknown as Fingerprint;
  checkFingerprint(value);
  return value;
}

/** Throws: FingerprintError naming the field that is missing or wrong. */
export function checkFingerprint(value: unknown): asserts value is Fingerprint {
  const print = (value ?? {}) as Record<string, unknown>;
  const fail = (field: string, expected: string): never => {
    throw new FingerprintError(
      `fingerprint: "${field}" must be ${expected}, came ${(JSON.stringify(print[field]) ?? 'nothing').slice(0, 60)}.`,
      { field },
    );
  };
  if (!isTriples(print['shapes_after_crop'], (n) => Number.isInteger(n) && n >= 1))
    fail('shapes_after_crop', 'a non-empty list of three whole numbers from 1 up each');
  if (!isTriples(print['spacings'], (n) => Number.isFinite(n) && n > 0))
    fail('spacings', 'a non-empty list of three positive numbers each');
  if ((print['spacings'] as unknown[]).length !== (print['shapes_after_crop'] as unknown[]).length)
    fail('spacings', `as many as "shapes_after_crop" (${(print['shapes_after_crop'] as unknown[]).length})`);
  if (typeof print['median_relative_size_after_cropping'] !== 'number')
    fail('median_relative_size_after_cropping', 'a number');
  const perChannel = print['foreground_intensity_properties_per_channel'];
  if (typeof perChannel !== 'object' || perChannel === null)
    fail('foreground_intensity_properties_per_channel', 'an object, channel number → statistics');
}

function isTriples(value: unknown, accepts: (n: number) => boolean): boolean {
  const triple = (item: unknown): boolean =>
    Array.isArray(item) && item.length === 3 && item.every((n) => typeof n === 'number' && accepts(n));
  return Array.isArray(value) && value.length > 0 && value.every(triple);
}
