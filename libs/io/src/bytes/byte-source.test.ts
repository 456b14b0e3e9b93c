/** Blobs and arrays as sources: the same bytes at every place, several reads at once, refusals beyond the end. */
import { describe, expect, it } from 'vitest';
import { FormatError } from '../errors.ts';
import { blobSource, bytesSource } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';

const bytes = Uint8Array.from({ length: 700_001 }, (_, i) => (i * 7919) >> 5);
const blob = new Blob([bytes]);
/** A browser whose streams do not fill memory that they are given. */
const plainBlob = new Blob([bytes]);
plainBlob.slice = (...range) => {
  const part = Blob.prototype.slice.apply(plainBlob, range);
  part.stream = () => {
    throw new TypeError('no byte streams');
  };
  return part;
};

describe.each<readonly [string, ByteSource]>([
  ['bytes', bytesSource(bytes, 'file')],
  ['a blob', blobSource(blob, 'file')],
  ['a blob without byte streams', blobSource(plainBlob, 'file')],
])('%s', (_, source) => {
  it.each([
    [0, 0],
    [0, 1],
    [3, 131_072],
    [131_071, 400_000],
    [0, 700_001],
    [700_001, 0],
  ])('gives from byte %d the next %d', async (offset, length) => {
    const wanted = bytes.subarray(offset, offset + length);
    expect(Buffer.compare(await source.read(offset, length), wanted)).toBe(0);
    const target = new Uint8Array(length);
    await source.fill?.(offset, target);
    if (source.fill !== undefined) expect(Buffer.compare(target, wanted)).toBe(0);
  });

  it('reads several places at once', async () => {
    const places = Array.from({ length: 12 }, (_, i) => 50_000 * i);
    const parts = await Promise.all(places.map((at) => source.read(at, 140_000)));
    parts.forEach((part, i) => expect(Buffer.compare(part, bytes.subarray(places[i], places[i]! + 140_000))).toBe(0));
  });

  it('refuses what lies beyond its end', async () => {
    const beyond = async (): Promise<unknown> => source.read(700_000, 2);
    await expect(beyond()).rejects.toThrow(FormatError);
  });
});
