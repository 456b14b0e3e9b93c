/** Room on the disk for numbers that memory does not hold, in a file that has no name: it goes with the process, killed or not. */
import type { ChannelStore, OpenStore } from '@voxelwise/inference';
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import { temporaryPath } from '@voxelwise/io/node';
import { join } from 'node:path';
import { ResourceError } from '../exit.ts';
import { formatBytes } from '../values.ts';

/** One system call moves less than 2 GiB. */
const MOST_AT_ONCE = 2 ** 30;

/** Stores in `folder`. Opening one throws: ResourceError if the disk does not hold it. */
export function spillInto(folder: string): OpenStore {
  return async ({ channels, voxels }) => {
    await mkdir(folder, { recursive: true });
    await requireDisk(folder, 4 * channels * voxels, 'what memory does not hold');
    const path = await temporaryPath(join(folder, 'logits'));
    const file = openSync(path, 'wx+');
    rmSync(path, { force: true });
    return storeIn(file, voxels);
  };
}

/** Throws: ResourceError if the disk of `folder` has less room than `bytes`. */
export async function requireDisk(folder: string, bytes: number, what: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bytes > bavail * bsize)
    throw new ResourceError(
      `${folder}: ${what} needs ${formatBytes(bytes)} of disk, ${formatBytes(bavail * bsize)} are free; make room or write elsewhere.`,
      { needed: bytes, free: bavail * bsize },
    );
}

/** Without turns of the event loop between calls: slabs come in many short runs, and nothing else is done meanwhile. */
function storeIn(file: number, voxels: number): ChannelStore {
  const place = (channel: number, at: number): number => 4 * (channel * voxels + at);
  return {
    write(channel, at, values) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      for (let done = 0; done < bytes.length;)
        done += writeSync(file, bytes, done, Math.min(MOST_AT_ONCE, bytes.length - done), place(channel, at) + done);
      return Promise.resolve();
    },
    async read(channel, at, length) {
      const values = new Float32Array(length);
      const bytes = new Uint8Array(values.buffer);
      for (let done = 0; done < bytes.length;) {
        const wanted = Math.min(MOST_AT_ONCE, bytes.length - done);
        const count = readSync(file, bytes, done, wanted, place(channel, at) + done);
        if (count === 0) throw new Error(`spill: channel ${channel} was not written to voxel ${at + length}.`);
        done += count;
      }
      return values;
    },
    close() {
      closeSync(file);
      return Promise.resolve();
    },
  };
}
