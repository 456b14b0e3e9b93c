/**
 * A NIfTI-1 reader for fixtures, just large enough for them: tests of libraries that may not import `io` need voxels too.
 * Little-endian, no scaling, gzip or plain.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export interface FixtureImage {
  /** Array order, slowest first: the file's axes reversed. */
  readonly shape: readonly [number, number, number];
  readonly spacing: readonly [number, number, number];
  readonly voxels: Uint8Array | Int16Array | Int32Array | Float32Array | Float64Array | Int8Array | Uint16Array;
}

const KINDS = {
  2: Uint8Array,
  4: Int16Array,
  8: Int32Array,
  16: Float32Array,
  64: Float64Array,
  256: Int8Array,
  512: Uint16Array,
} as const;

export function readFixtureNifti(path: string | URL): FixtureImage {
  const file = readFileSync(path);
  const bytes = file[0] === 0x1f ? gunzipSync(file) : file;
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header.getInt32(0, true) !== 348)
    throw new Error(`readFixtureNifti: ${String(path)} is not little-endian NIfTI-1.`);
  const along = (i: number): number => (header.getInt16(40, true) >= i ? header.getInt16(40 + 2 * i, true) : 1);
  const zoom = (i: number): number => header.getFloat32(76 + 4 * i, true);
  const Kind = KINDS[header.getInt16(70, true) as keyof typeof KINDS];
  const slope = header.getFloat32(112, true);
  if (Kind === undefined || along(4) > 1 || (slope !== 0 && slope !== 1 && !Number.isNaN(slope)))
    throw new Error(`readFixtureNifti: ${String(path)} is of a kind this fixture reader does not know.`);
  const shape = [along(3), along(2), along(1)] as const;
  const start = bytes.byteOffset + header.getFloat32(108, true);
  const size = shape[0] * shape[1] * shape[2] * Kind.BYTES_PER_ELEMENT;
  return {
    shape,
    spacing: [zoom(3), zoom(2), zoom(1)],
    voxels: new Kind(bytes.buffer.slice(start, start + size) as ArrayBuffer),
  };
}
