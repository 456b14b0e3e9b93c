/** Deflated data sets: their voxels, what is refused, and the memory that a series of them takes. */
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { readDicomVolume } from '../series/read-volume.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { watchHeldBytes } from '../../testing/held-bytes.ts';
import { inflateRaw, memorySource } from './dicom-source.ts';
import type { DicomSource } from './dicom-source.ts';
import { parseDicom, readDicomFile } from './parse.ts';

const EXPLICIT = Buffer.from('1.2.840.10008.1.2.1\0');
const DEFLATED = Buffer.from('1.2.840.10008.1.2.1.99');
const [rows, columns, slices] = [256, 256, 100];

/** The same file in Deflated Explicit VR Little Endian (PS3.5 A.5), padded to an even length. */
function deflated(source: DicomSource): Uint8Array {
  const bytes = Buffer.from(source.read(0, source.size) as Uint8Array);
  const dataset = 144 + bytes.readUInt32LE(140);
  const uid = bytes.indexOf(EXPLICIT);
  const packed = deflateRawSync(bytes.subarray(dataset));
  const length = Buffer.from([DEFLATED.length, 0]);
  return Buffer.concat([
    ...[bytes.subarray(0, uid - 2), length, DEFLATED, bytes.subarray(uid + EXPLICIT.length, dataset)],
    ...[packed, Buffer.alloc(packed.length % 2)],
  ]);
}

/** A file on disk as far as reading goes: every read is a copy. */
const onDisk = (name: string, bytes: Uint8Array): DicomSource => ({
  name,
  size: bytes.length,
  read: (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
  fillSync(offset, target) {
    const there = bytes.subarray(offset, offset + target.length);
    target.set(there);
    return there.length;
  },
});

describe('deflated data sets', () => {
  const plain = syntheticSeries({ rows, columns, slices, value: (i, j, k) => (i * j + k) & 0x7fff });
  const files = plain.map(deflated);

  it('hold the same voxels, in memory and on disk, and take little beside them', async () => {
    const { voxels } = (await readDicomVolume(plain)).volume;
    const { look, most } = watchHeldBytes();
    const sources = files.map((bytes, i) => onDisk(`slice ${i}`, bytes));
    const disk = (await readDicomVolume(sources, { onSlice: look })).volume.voxels;
    expect(Buffer.compare(Buffer.from(disk.buffer), Buffer.from(voxels.buffer))).toBe(0);
    expect(most()).toBeLessThan(voxels.byteLength * 1.2);
    const memory = (await readDicomVolume(files.map((bytes, i) => memorySource(`${i}`, bytes)))).volume.voxels;
    expect(Buffer.compare(Buffer.from(memory.buffer), Buffer.from(voxels.buffer))).toBe(0);
  });

  it('are read side by side', async () => {
    const one = onDisk('one', files[3]!);
    const same = parseDicom(files[3]!);
    const other = parseDicom(files[4]!);
    const [a, b] = await Promise.all([readDicomFile(one), readDicomFile(onDisk('two', files[4]!))]);
    for (const [file, expected] of [
      [a, same],
      [b, other],
      [a, same],
    ] as const) {
      const { source, offset, length } = file.pixels!;
      const wanted = await expected.pixels!.source.read(expected.pixels!.offset, expected.pixels!.length);
      expect(Buffer.compare(await source.read(offset, length), wanted)).toBe(0);
    }
  });

  it.each<readonly [string, (bytes: Uint8Array) => Uint8Array]>([
    ['cut off', (bytes) => bytes.subarray(0, bytes.length - 100)],
    ['damaged', (bytes) => Uint8Array.from(bytes, (b, i) => (i > 400 && i < 480 ? 255 : b))],
  ])('are refused where they are %s', (_, change) => {
    expect(() => parseDicom(change(files[0]!), 'bad.dcm')).toThrow('the compressed data are damaged or end too early');
  });

  it('are the same where there is no zlib, and refused as there', () => {
    const zlib = vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
    const pixels = (): Buffer[] =>
      files.slice(0, 3).map((bytes) => {
        const { source, offset, length } = parseDicom(bytes).pixels!;
        return Buffer.from(source.read(offset, length) as Uint8Array);
      });
    const bare = pixels();
    expect(() => parseDicom(files[0]!.subarray(0, files[0]!.length - 100))).toThrow('end too early');
    expect(() => inflateRaw(deflateRawSync(Buffer.alloc(1 << 20)), 1 << 16)).toThrow(
      'unpack to more than the 65536 bytes',
    );
    zlib.mockRestore();
    expect(bare[2]).toHaveLength(rows * columns * 2);
    expect(Buffer.compare(Buffer.concat(bare), Buffer.concat(pixels()))).toBe(0);
  });
});
