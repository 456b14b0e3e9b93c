/** Files that break the rules in ways that are met: each reads as its well-formed original. */
import { describe, expect, it } from 'vitest';
import { readDicomVolume } from '../series/read-volume.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { memorySource } from './dicom-source.ts';
import { TAG } from './tags.ts';

const original = syntheticSeries({ rows: 6, columns: 5, slices: 3 });
const text = new TextEncoder();
const u16 = (value: number): number[] => [value & 255, value >> 8];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
const tag = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];
const join = (...parts: (Uint8Array | readonly number[] | string)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((p) => (typeof p === 'string' ? [...text.encode(p)] : [...p])));

const indexOf = (bytes: Uint8Array, wanted: readonly number[]): number =>
  bytes.findIndex((_, i) => wanted.every((b, k) => bytes[i + k] === b));
/** Puts an element in front of the patient's name. */
const inserted = (...element: (readonly number[] | string)[]) => {
  return (bytes: Uint8Array): Uint8Array => {
    const at = indexOf(bytes, [...tag(TAG.PatientName), ...text.encode('PN')]);
    return join(bytes.subarray(0, at), ...element, bytes.subarray(at));
  };
};
const pixelsAt = (bytes: Uint8Array): number => indexOf(bytes, [...tag(TAG.PixelData), ...text.encode('OW')]);

/** The first element behind the meta information. */
const datasetAt = (bytes: Uint8Array): number => 144 + bytes[140]! + 256 * bytes[141]!;

const ITEM = tag(0xfffee000);
const [ITEM_END, SEQUENCE_END] = [
  [...tag(0xfffee00d), ...u32(0)],
  [...tag(0xfffee0dd), ...u32(0)],
];
/** A private sequence of undefined length and unknown representation. */
const unknownSequence = (...inner: (readonly number[] | string)[]) =>
  inserted(tag(0x00091001), 'UN', u16(0), u32(0xffffffff), ITEM, u32(0xffffffff), ...inner, ITEM_END, SEQUENCE_END);

describe('reads as if it were well-formed', () => {
  it.each<readonly [string, (bytes: Uint8Array) => Uint8Array]>([
    [
      'an unknown sequence with implicit items, as the standard has it',
      unknownSequence(tag(0x00091002), u32(4), 'abcd'),
    ],
    ['an unknown sequence with explicit items', unknownSequence(tag(0x00091002), 'LO', u16(4), 'abcd')],
    ['a representation spelled ??', inserted(tag(0x00091005), '??', u16(4), 'abcd')],
    ['a representation that does not exist', inserted(tag(0x00091005), 'ZZ', u16(4), 'abcd')],
    ['a representation of zeros', inserted(tag(0x00091005), u16(0), u16(4), 'abcd')],
    ['a representation in small letters', inserted(tag(0x00091005), 'lo', u16(4), 'abcd')],
    ['an implicit element of many bytes', inserted(tag(0x00091005), u32(0x6f6c), 'x'.repeat(0x6f6c))],
    [
      'no preamble, and a retired group in front',
      (bytes) =>
        join(
          tag(0x00030000),
          'UL',
          u16(4),
          u32(10),
          tag(0x00030010),
          'LO',
          u16(2),
          'ab',
          bytes.slice(datasetAt(bytes)),
        ),
    ],
    ['a single implicit element', inserted(tag(0x00091005), u32(0))],
    ['a wrong group length', inserted(tag(0x00100000), 'UL', u16(4), u32(999))],
    ['no preamble', (bytes) => bytes.slice(128)],
    ['no preamble and no DICM', (bytes) => bytes.slice(132)],
    ['bytes behind the pixels', (bytes) => join(bytes, 'more than was said')],
    ['zeros behind the pixels', (bytes) => join(bytes, new Uint8Array(100))],
    [
      'pixels of unknown representation',
      (bytes) => {
        const changed = bytes.slice();
        changed.set(text.encode('UN'), pixelsAt(bytes) + 4);
        return changed;
      },
    ],
    [
      'uncompressed pixels in a fragment',
      (bytes) => {
        const at = pixelsAt(bytes);
        const pixels = bytes.subarray(at + 12);
        const head = join(bytes.subarray(0, at + 8), u32(0xffffffff), ITEM, u32(0), ITEM, u32(pixels.length));
        return join(head, pixels, SEQUENCE_END);
      },
    ],
  ])('%s', async (_, change) => {
    const wanted = await readDicomVolume(original);
    const files = original.map(({ name, size, read }) => {
      const bytes = read(0, size) as Uint8Array;
      expect(change(bytes)).not.toEqual(bytes);
      return memorySource(name, change(bytes));
    });
    const { volume } = await readDicomVolume(files);
    expect(volume.voxels).toEqual(wanted.volume.voxels);
    expect(volume.grid).toEqual(wanted.volume.grid);
  });
});
