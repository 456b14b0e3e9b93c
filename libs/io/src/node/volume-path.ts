/** Images by path: read, opened lazily, written whole or not at all. */
import { writeSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { checkVolume } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import type { ByteSource } from '../bytes/byte-source.ts';
import type {
  DecodeOptions,
  DecodedVolume,
  EncodeOptions,
  EncodedFile,
  StreamedVolume,
  VolumeReader,
} from '../formats/format.ts';
import { openFile } from './file-source.ts';
import type { FileSource } from './file-source.ts';
import { temporaryPath } from './temporary-path.ts';

/** The formats, loaded with the first image: who reads DICOM alone never waits for them. */
const formats = (): Promise<typeof import('../volume-file.ts')> => import('../volume-file.ts');

/** A reader that holds files open. */
export interface OpenVolume extends VolumeReader {
  close(): Promise<void>;
}

/** Opens an image: the header now, voxels or slabs on demand. Close it. Throws: FormatError. */
export async function openVolume(path: string, options: Omit<DecodeOptions, 'fileName'> = {}): Promise<OpenVolume> {
  const { openSource } = await formats();
  const held: FileSource[] = [await openFile(path)];
  const close = async (): Promise<void> => void (await Promise.all(held.map((f) => f.close())));
  const companions = async (name: string): Promise<ByteSource | undefined> => {
    const sibling = join(dirname(path), basename(name));
    try {
      const file = await openFile(sibling);
      held.push(file);
      return file;
    } catch {
      return undefined;
    }
  };
  try {
    return { ...(await openSource(held[0]!, { companions, ...options, fileName: path })), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Reads an image file of any known format. See `decodeVolume`. Packed files are unpacked on their way into the voxels, so
 * memory stays at the voxels' size. Throws: FormatError.
 */
export async function readVolume(path: string, options: Omit<DecodeOptions, 'fileName'> = {}): Promise<DecodedVolume> {
  const volume = await openVolume(path, options);
  try {
    return await volume.read();
  } finally {
    await volume.close();
  }
}

/**
 * Writes an image; the ending of `path` chooses the format. The file appears under its name only when it is whole. Of a volume that
 * comes in pieces no more than two are in memory where the format is NIfTI.
 *
 * Throws: FormatError if no format has this ending or a value does not fit `options.dtype`.
 */
export async function writeVolume(
  path: string,
  volume: Volume | StreamedVolume,
  options: EncodeOptions = {},
): Promise<void> {
  const { stem, files } = await filesOf(path, volume, options);
  // Pieces are read by system calls that wait; their writing, too, takes less time than a thread takes to hear of it.
  const write = 'pieces' in volume ? writeAtOnce : writeChunk;
  const places = files.map((file) => ({ file, path: files.length === 1 ? path : stem + file.ending }));
  const written: { readonly from: string; readonly to: string }[] = [];
  try {
    // the header of a pair comes first in `files` and last under its name: who sees it finds its voxels
    for (const place of places)
      written.push({ from: await writeBeside(place.path, place.file, write), to: place.path });
    for (const { from, to } of written.reverse()) await rename(from, to);
  } catch (error) {
    await Promise.all(written.map(({ from }) => rm(from, { force: true })));
    throw error;
  }
}

/** What a volume's files hold. NIfTI is what most results are written as: its writer is loaded without the other formats. */
async function filesOf(
  path: string,
  volume: Volume | StreamedVolume,
  options: EncodeOptions,
): Promise<{ readonly stem: string; readonly files: readonly EncodedFile[] }> {
  const name = basename(path);
  const nifti = /\.nii(\.gz)?$/i.exec(name)?.[0];
  const stemOf = (ending: string): string => path.slice(0, path.length - ending.length);
  if (nifti !== undefined) {
    const { encodeNifti, encodeNiftiStream } = await import('../formats/nifti/nifti-write.ts');
    const stem = stemOf(nifti);
    const encoding = { name: basename(stem), ...options };
    if ('pieces' in volume) return { stem, files: encodeNiftiStream(volume, nifti.toLowerCase(), encoding) };
    checkVolume(volume);
    return { stem, files: encodeNifti(volume, nifti.toLowerCase(), encoding) };
  }
  const { encodeFiles, encodeStream, formatForEnding } = await formats();
  const { ending } = formatForEnding(name);
  const stem = stemOf(ending);
  const encoding = { name: basename(stem), ...options };
  return {
    stem,
    files: 'pieces' in volume ? await encodeStream(volume, ending, encoding) : encodeFiles(volume, ending, encoding),
  };
}

async function writeBeside(path: string, file: EncodedFile, write: typeof writeChunk): Promise<string> {
  const temporary = await temporaryPath(path);
  const handle = await open(temporary, 'wx');
  // One chunk is written while the next is made.
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const chunk of file.chunks) {
      await writing;
      writing = write(handle, chunk);
      // Told of when it is awaited; making the next chunk may take longer than failing.
      writing.catch(() => undefined);
    }
    await writing;
  } catch (error) {
    await Promise.allSettled([writing]);
    await handle.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await handle.close();
  return temporary;
}

/** The system may write less than it was given. */
async function writeChunk(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten;
}

/** The same while everything else waits; signals and timers have their turn after each chunk. Throws by the promise, as that does. */
async function writeAtOnce({ fd }: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
  await new Promise((resolve) => setImmediate(resolve));
}
