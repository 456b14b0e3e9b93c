/** Files as byte sources: read at any place, no more than asked for. */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { checkRange } from '../bytes/byte-source.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { FormatError } from '../errors.ts';

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
    throw new FormatError(`${path}: ${reason === 'ENOENT' ? 'there is no such file' : `cannot be opened (${reason ?? String(error)})`}; check the path.`, { file: path, details: { reason } }, { cause: error });
  }
  return {
    name: path,
    size,
    async read(offset, length) {
      checkRange(offset, length, size, path);
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw new FormatError(`${path}: became shorter while it was read.`, { file: path, byteOffset: offset + done });
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}
