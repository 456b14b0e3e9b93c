/** Images by path: read, opened lazily, written whole or not at all. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Volume } from '@voxelwise/volume';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { DecodeOptions, DecodedVolume, EncodeOptions, EncodedFile, VolumeReader } from '../formats/format.ts';
import { openFile } from './file-source.ts';
import type { FileSource } from './file-source.ts';

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
 * Writes an image; the ending of `path` chooses the format. The file appears under its name only when it is whole.
 *
 * Throws: FormatError if no format has this ending or a value does not fit `options.dtype`.
 */
export async function writeVolume(path: string, volume: Volume, options: EncodeOptions = {}): Promise<void> {
  const { encodeFiles, formatForEnding } = await formats();
  const { ending } = formatForEnding(basename(path));
  const stem = path.slice(0, path.length - ending.length);
  const files = encodeFiles(volume, ending, { name: basename(stem), ...options });
  await mkdir(dirname(path), { recursive: true });
  const places = files.map((file) => ({ file, path: files.length === 1 ? path : stem + file.ending }));
  const written: { readonly from: string; readonly to: string }[] = [];
  try {
    // the header of a pair comes first in `files` and last under its name: who sees it finds its voxels
    for (const place of places) written.push({ from: await writeBeside(place.path, place.file), to: place.path });
    for (const { from, to } of written.reverse()) await rename(from, to);
  } catch (error) {
    await Promise.all(written.map(({ from }) => rm(from, { force: true })));
    throw error;
  }
}

async function writeBeside(path: string, file: EncodedFile): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.part`);
  const handle = await open(temporary, 'wx');
  try {
    for await (const chunk of file.chunks) await handle.write(chunk);
  } catch (error) {
    await handle.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await handle.close();
  return temporary;
}
