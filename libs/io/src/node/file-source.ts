/** Files as byte sources: read at any place, no more than asked for. */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { checkRange } from '../bytes/byte-source.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { FormatError } from '../errors.ts';

/** One system call reads less than 2 GiB. */
const MOST_AT_ONCE = 1 << 30;

/** A file that stays open until `close`. */
export interface FileSource extends ByteSource {
  close(): Promise<void>;
}

/** Opens a file for reading. Throws: FormatError if it is missing, unreadable or a folder. */
export async function openFile(path: string): Promise<FileSource> {
  let handle: FileHandle;
  let size: number;
  try {
    handle = await open(path, 'r');
    const stat = await handle.stat();
    if (!stat.isFile()) {
      await handle.close();
      throw Object.assign(new Error('not a file'), { code: 'EISDIR' });
    }
    size = stat.size;
  } catch (error) {
    const reason = (error as { code?: string }).code;
    throw new FormatError(
      `${path}: ${reason === 'ENOENT' ? 'there is no such file' : `cannot be opened (${reason ?? String(error)})`}; check the path.`,
      { file: path, details: { reason } },
      { cause: error },
    );
  }
  const fill = async (offset: number, target: Uint8Array): Promise<void> => {
    checkRange(offset, target.length, size, path);
    for (let done = 0; done < target.length;) {
      const { bytesRead } = await handle.read(
        target,
        done,
        Math.min(MOST_AT_ONCE, target.length - done),
        offset + done,
      );
      if (bytesRead === 0)
        throw new FormatError(`${path}: became shorter while it was read.`, { file: path, byteOffset: offset + done });
      done += bytesRead;
    }
  };
  return {
    name: path,
    size,
    async read(offset, length) {
      checkRange(offset, length, size, path);
      const bytes = new Uint8Array(length);
      await fill(offset, bytes);
      return bytes;
    },
    fill,
    close: () => handle.close(),
  };
}
