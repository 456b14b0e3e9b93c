/** Encapsulated pixel data (PS3.5 A.4): which fragments make which frame. */
import { FormatError } from '../../errors.ts';
import type { DicomFile, PixelLocation } from '../dataset/parse.ts';
import { TAG, tagName } from '../dataset/tags.ts';

interface Fragment {
  readonly offset: number;
  readonly length: number;
}

/** For each frame its fragments, in order. */
export type FrameFragments = readonly (readonly Fragment[])[];

const field = tagName(TAG.PixelData);

async function walk(pixels: PixelLocation, file: string): Promise<Fragment[]> {
  const { source } = pixels;
  const fragments: Fragment[] = [];
  let at = pixels.offset;
  for (;;) {
    const head = await source.read(at, 8);
    // A missing sequence delimiter at the very end loses nothing.
    if (head.length < 8) {
      if (head.length === 0 && fragments.length > 1) return fragments;
      throw new FormatError(
        `${file}: the compressed pixel data are cut off at byte ${at}; the download may be incomplete.`,
        { file, field, byteOffset: at },
      );
    }
    const view = new DataView(head.buffer, head.byteOffset, 8);
    const tag = view.getUint16(0, true) * 65536 + view.getUint16(2, true);
    const length = view.getUint32(4, true);
    if (tag === 0xfffee0dd) return fragments;
    if (tag !== 0xfffee000)
      throw new FormatError(`${file}: expected a fragment of pixel data at byte ${at}, came ${tagName(tag)}.`, {
        file,
        field,
        byteOffset: at,
      });
    if (at + 8 + length > source.size)
      throw new FormatError(
        `${file}: a fragment claims ${length} bytes at byte ${at}, the file ends after ${source.size - at - 8}.`,
        { file, field, byteOffset: at, details: { expected: length, found: source.size - at - 8 } },
      );
    fragments.push({ offset: at + 8, length });
    at += 8 + length;
  }
}

async function offsets(file: DicomFile, pixels: PixelLocation, table: Fragment): Promise<readonly number[]> {
  const extended = file.dataset.numbers(TAG.ExtendedOffsetTable);
  if (extended.length > 0) return extended;
  if (table.length < 4) return [];
  const raw = await pixels.source.read(table.offset, table.length);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  return Array.from({ length: Math.floor(raw.length / 4) }, (_, i) => view.getUint32(i * 4, true));
}

/** The first bytes of a JPEG, JPEG-LS or JPEG 2000 code stream, or of a JP2 file. */
async function startsFrame(pixels: PixelLocation, f: Fragment): Promise<boolean> {
  const b = await pixels.source.read(f.offset, 6);
  return (b[0] === 0xff && (b[1] === 0xd8 || b[1] === 0x4f)) || (b[4] === 0x6a && b[5] === 0x50);
}

/**
 * Groups fragments into `frames` frames: one each when the counts agree, else by the offset table, else by where code streams
 * start. Throws: FormatError when they cannot be told apart.
 */
export async function frameFragments(file: DicomFile, frames: number): Promise<FrameFragments> {
  const pixels = file.pixels!;
  const [table, ...fragments] = await walk(pixels, file.name);
  if (table === undefined || fragments.length === 0)
    throw new FormatError(`${file.name}: the compressed pixel data are empty.`, {
      file: file.name,
      field,
      byteOffset: pixels.offset,
    });
  if (frames === 1) return [fragments];
  if (fragments.length === frames) return fragments.map((f) => [f]);
  const starts = await offsets(file, pixels, table);
  const groups: Fragment[][] = [];
  if (starts.length === frames) {
    const base = fragments[0]!.offset - 8;
    for (const f of fragments) {
      if (starts[groups.length] === f.offset - 8 - base) groups.push([]);
      groups.at(-1)?.push(f);
    }
  } else {
    for (const f of fragments) {
      if (await startsFrame(pixels, f)) groups.push([]);
      groups.at(-1)?.push(f);
    }
  }
  if (groups.length === frames) return groups;
  throw new FormatError(
    `${file.name}: ${frames} frames are declared, the pixel data hold ${fragments.length} fragments that make ${groups.length}; the file is damaged.`,
    {
      file: file.name,
      field: tagName(TAG.NumberOfFrames),
      byteOffset: pixels.offset,
      details: { expected: frames, fragments: fragments.length, found: groups.length },
    },
  );
}

/** Memory for the bytes of one frame, used again for the next. */
export interface StreamScratch {
  stream?: Uint8Array;
}

/** The bytes of one frame, its fragments joined; with `scratch`, they last until the next call. */
export async function joinFragments(
  { source }: PixelLocation,
  fragments: readonly Fragment[],
  scratch?: StreamScratch,
): Promise<Uint8Array> {
  const total = fragments.reduce((sum, f) => sum + f.length, 0);
  const fill = scratch === undefined ? undefined : (source.fillSync ?? source.fill);
  if (fill === undefined && fragments.length === 1) return await source.read(fragments[0]!.offset, total);
  const reused = scratch?.stream !== undefined && scratch.stream.length >= total;
  const memory = reused ? scratch.stream! : new Uint8Array(fill === undefined ? total : Math.ceil(total * 1.25));
  if (scratch !== undefined && fill !== undefined) scratch.stream = memory;
  const out = memory.subarray(0, total);
  let at = 0;
  for (const f of fragments) {
    const target = out.subarray(at, at + f.length);
    if (fill === undefined) target.set(await source.read(f.offset, f.length));
    else await fill(f.offset, target);
    at += f.length;
  }
  return out;
}
