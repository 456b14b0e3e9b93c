/** DICOM from disk: files and folders as byte sources. Node only. */
import { closeSync, openSync, read, readSync, readdirSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { DicomSource } from './dataset/dicom-source.ts';

/**
 * A file on disk, opened for each read and closed after it: a series of thousands of slices must not hold thousands of handles.
 * Reads are synchronous where slices are small and a thread pool round trip costs more than the read; `fill` is for large ones.
 */
export function dicomFile(path: string): DicomSource {
  return fileOfSize(path, statSync(path).size);
}

/** `known`: bytes of the file, where they have been asked for; else they are when they are needed. */
function fileOfSize(path: string, known?: number): DicomSource {
  let bytes = known;
  const size = (): number => (bytes ??= statSync(path).size);
  const fillSync = (offset: number, target: Uint8Array): number => {
    const handle = openSync(path, 'r');
    try {
      let done = 0;
      while (done < target.length) {
        const got = readSync(handle, target, done, target.length - done, offset + done);
        if (got === 0) break;
        done += got;
      }
      return done;
    } finally {
      closeSync(handle);
    }
  };
  const fill = (offset: number, target: Uint8Array): Promise<number> =>
    new Promise((resolve, reject) => {
      const handle = openSync(path, 'r');
      const step = (done: number): void =>
        read(handle, target, done, target.length - done, offset + done, (error, got) => {
          if (error === null && got > 0 && done + got < target.length) return step(done + got);
          closeSync(handle);
          if (error === null) resolve(done + got);
          else reject(error);
        });
      step(0);
    });
  return {
    name: path,
    get size() {
      return size();
    },
    fillSync,
    fill,
    read(offset, length) {
      const buffer = new Uint8Array(Math.max(0, Math.min(length, size() - offset)));
      return buffer.subarray(0, fillSync(offset, buffer));
    },
  };
}

/** Every file under a folder, deepest last, sorted by name; or the one file. Hidden files are passed over. */
export function dicomFolder(path: string): DicomSource[] {
  if (!statSync(path).isDirectory()) return [dicomFile(path)];
  // Joined once: for thousands of slices the cleaning up of names takes longer than their reading.
  const folder = join(path, sep);
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.name.startsWith('.')) return [];
      const child = `${folder}${entry.name}`;
      return entry.isDirectory() ? dicomFolder(child) : entry.isFile() ? [fileOfSize(child)] : [];
    });
}
