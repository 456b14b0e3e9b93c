/** Lookup tables: what stored values stand for when no line does (PS3.3 C.11.1), and palettes (C.7.6.3.1.5, C.7.9.2). */
import type { VoxelArray } from '@voxelwise/volume';
import type { DataSet } from '../dataset/dataset.ts';
import { TAG } from '../dataset/tags.ts';

export interface LookupTable {
  /** The stored value that the first entry is for; smaller ones get the first entry, larger than all the last. */
  readonly first: number;
  readonly entries: Uint16Array;
  /** 8 or 16. */
  readonly bits: number;
}

/** Entries of a table: a word each, or two 8-bit ones to a word, the low one first. */
function entriesOf(d: DataSet, tag: number, { count, bits }: { count: number; bits: number }): Uint16Array {
  const words = d.numbers(tag);
  const entries = bits === 8 && words.length < count ? words.flatMap((word) => [word & 255, word >> 8]) : words;
  if (entries.length < count)
    throw d.fault(tag, `the lookup table should have ${count} entries, ${entries.length} are there.`, {
      expected: count,
      found: entries.length,
    });
  return Uint16Array.from(entries.slice(0, count));
}

/** Descriptor of a table: number of entries (0 stands for 65536), first stored value, bits of an entry. */
function describe(d: DataSet, tag: number, signed: boolean): { count: number; first: number; bits: number } {
  const [count, first, bits] = d.numbers(tag);
  if (count === undefined || first === undefined || (bits !== 8 && (bits === undefined || bits < 9 || bits > 16)))
    throw d.fault(
      tag,
      `a lookup table's descriptor should be its length, first value and 8 to 16 bits, came [${d.numbers(tag).join(', ')}].`,
    );
  const sign = signed && first > 32767 ? first - 65536 : !signed && first < 0 ? first + 65536 : first;
  return { count: (count & 0xffff) === 0 ? 65536 : count & 0xffff, first: sign, bits: bits === 8 ? 8 : 16 };
}

/** The first table of the Modality LUT Sequence, or undefined. Throws: FormatError when it is damaged. */
export function modalityTable(d: DataSet, signed: boolean): LookupTable | undefined {
  const item = d.first(TAG.ModalityLUTSequence);
  if (item === undefined || !item.has(TAG.LUTData)) return undefined;
  const { count, first, bits } = describe(item, TAG.LUTDescriptor, signed);
  return { first, bits, entries: entriesOf(item, TAG.LUTData, { count, bits }) };
}

/** Red, green and blue. */
export type Palette = readonly [LookupTable, LookupTable, LookupTable];

const palettes = [
  [
    TAG.RedPaletteColorLookupTableDescriptor,
    TAG.RedPaletteColorLookupTableData,
    TAG.SegmentedRedPaletteColorLookupTableData,
  ],
  [
    TAG.GreenPaletteColorLookupTableDescriptor,
    TAG.GreenPaletteColorLookupTableData,
    TAG.SegmentedGreenPaletteColorLookupTableData,
  ],
  [
    TAG.BluePaletteColorLookupTableDescriptor,
    TAG.BluePaletteColorLookupTableData,
    TAG.SegmentedBluePaletteColorLookupTableData,
  ],
] as const;

/** The palette of a PALETTE COLOR image. Throws: FormatError when one of its tables is missing or damaged. */
export function paletteOf(d: DataSet, signed: boolean): Palette {
  return palettes.map(([descriptor, data, segmented]) => {
    const { count, first, bits } = describe(d, descriptor, signed);
    const entries = d.has(segmented) ? expand(d, segmented, count, bits) : entriesOf(d, data, { count, bits });
    return { first, bits, entries };
  }) as unknown as Palette;
}

/** Segments of a table: entries as they are, a line to an end value, or earlier segments again (PS3.3 C.7.9.2). */
function expand(d: DataSet, tag: number, count: number, bits: number): Uint16Array {
  const words = d.numbers(tag);
  const data = bits === 8 ? words.flatMap((word) => [word & 255, word >> 8]) : words;
  const out = new Uint16Array(count);
  let filled = 0;
  const damaged = (at: number): Error =>
    d.fault(tag, `the segmented lookup table is damaged at its value ${at}.`, { at, filled, expected: count });
  const run = (from: number, segments: number, nested: boolean): number => {
    let at = from;
    for (let n = 0; n < segments && at + 1 < data.length && filled < count; n++) {
      const [kind, length] = [data[at]!, data[at + 1]!];
      if (length === 0) throw damaged(at);
      if (kind === 0) {
        if (at + 2 + length > data.length || filled + length > count) throw damaged(at);
        for (let i = 0; i < length; i++) out[filled++] = data[at + 2 + i]!;
        at += 2 + length;
      } else if (kind === 1) {
        const end = data[at + 2];
        if (filled === 0 || end === undefined || filled + length > count) throw damaged(at);
        const start = out[filled - 1]!;
        for (let i = 1; i <= length; i++) out[filled++] = Math.round(start + ((end - start) * i) / length);
        at += 3;
      } else if (kind === 2 && !nested) {
        // A place in bytes: four of them, or two words, the low ones first.
        const place = data.slice(at + 2, at + (bits === 8 ? 6 : 4));
        const offset = place.reduceRight((sum, part) => sum * (bits === 8 ? 256 : 65536) + part, 0);
        run(bits === 8 ? offset : offset / 2, length, true);
        at += 2 + place.length;
      } else throw damaged(at);
    }
    return at;
  };
  run(0, Infinity, false);
  if (filled !== count) throw damaged(data.length);
  return out;
}

/** Each value's entry, in every `stride`-th place of `out` from `at`. */
export function lookUp(values: VoxelArray, table: LookupTable, out: VoxelArray, at = 0, stride = 1): void {
  const { first, entries } = table;
  const last = entries.length - 1;
  for (let i = 0; i < values.length; i++) {
    const index = values[i]! - first;
    out[at + i * stride] = entries[index < 0 ? 0 : index > last ? last : index]!;
  }
}
