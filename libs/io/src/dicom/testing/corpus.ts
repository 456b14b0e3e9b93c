/** Where the tests find DICOM files: the fixtures in this repository, and the whole corpus where VOXELWISE_SHARED points to it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

export interface Corpus {
  readonly name: string;
  readonly folder: string;
}

// eslint-disable-next-line no-restricted-properties -- imported by tests alone
const shared = process.env['VOXELWISE_SHARED'];
const whole = shared === undefined ? undefined : join(shared, 'data/dicom');

export const fixtures: Corpus = {
  name: 'fixtures',
  folder: fileURLToPath(new URL('../../../fixtures/dicom', import.meta.url)),
};
/** The fixtures, and the whole corpus when it is there. */
export const corpora: readonly Corpus[] =
  whole !== undefined && existsSync(whole) ? [fixtures, { name: 'whole corpus', folder: whole }] : [fixtures];

/** A JSON file of a corpus. */
export function expectations<T>(corpus: Corpus, name: string): Record<string, T> {
  return JSON.parse(readFileSync(join(corpus.folder, name), 'utf8')) as Record<string, T>;
}

/** A file of a corpus, gunzipped where its name says so. */
export function bytesOf(corpus: Corpus, name: string): Uint8Array {
  const bytes = readFileSync(join(corpus.folder, name));
  return new Uint8Array(name.endsWith('gz') ? gunzipSync(bytes) : bytes);
}
