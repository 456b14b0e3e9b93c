/** Writing NIfTI: version 1 where it suffices, 2 for longer axes; sform and qform both, so that every reader agrees. */
import { shear, spacing } from '@voxelwise/volume';
import type { Volume, VoxelArray } from '@voxelwise/volume';
import { deflate } from '../../bytes/deflate.ts';
import { castVoxels, littleEndianBytes } from '../../voxels/cast-voxels.ts';
import { STORED_BYTES, voxelTypeOf } from '../../voxels/stored-type.ts';
import type { VoxelType } from '../../voxels/stored-type.ts';
import type { EncodeOptions, EncodedFile, StreamedVolume } from '../format.ts';
import { qformOf } from './nifti-geometry.ts';

const DATATYPES: Readonly<Record<VoxelType, number>> = {
  uint8: 2,
  int16: 4,
  int32: 8,
  float32: 16,
  float64: 64,
  int8: 256,
  uint16: 512,
  uint32: 768,
};
/** xyzt_units: millimetres and seconds. */
const UNITS = 2 | 8;
/** "Coordinates aligned to another file's, or to anatomical truth": what a result on a known grid is. ITK writes 1. */
const SCANNER = 1;
const INTENT_LABEL = 1002;

/** `.nii`, `.nii.gz`, or a pair when asked for `.hdr`/`.img`. See `EncodeOptions`. Throws: FormatError if values do not fit `dtype`. */
export function encodeNifti(volume: Volume, ending: string, options: EncodeOptions): readonly EncodedFile[] {
  const type = options.dtype ?? voxelTypeOf(volume.voxels);
  return filesOf(volume, littleEndianBytes(castVoxels(volume.voxels, type)), { ...options, type, ending });
}

/** The same from voxels in pieces. */
export function encodeNiftiStream(
  volume: StreamedVolume,
  ending: string,
  options: EncodeOptions,
): readonly EncodedFile[] {
  const { dtype: type = volume.type, compress = isPacked(ending) } = options;
  // The packer holds several blocks at a time, longer than a piece lasts.
  return filesOf(volume, bytesOfPieces(volume.pieces(), type, compress), { ...options, type, ending });
}

async function* bytesOfPieces(
  pieces: AsyncIterable<VoxelArray>,
  type: VoxelType,
  copied: boolean,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield* littleEndianBytes(castVoxels(copied ? piece.slice() : piece, type));
}

const isPacked = (ending: string): boolean => ending.endsWith('.gz');

function filesOf(
  volume: Omit<Volume, 'voxels'>,
  voxels: AsyncIterable<Uint8Array>,
  {
    type,
    ending,
    level = 1,
    compress = isPacked(ending),
  }: EncodeOptions & { readonly type: VoxelType; readonly ending: string },
): readonly EncodedFile[] {
  const isPair = /^\.(hdr|img)/.test(ending);
  const header = niftiHeader(volume, type, isPair);
  const packed = (chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> =>
    compress ? deflate(chunks, 'gzip', { level }) : chunks;
  if (!isPair) return [{ ending, chunks: packed(joined(header, voxels)) }];
  const gz = compress ? '.gz' : '';
  return [
    { ending: `.hdr${gz}`, chunks: packed(joined(header.subarray(0, header.length))) },
    { ending: `.img${gz}`, chunks: packed(voxels) },
  ];
}

async function* joined(head: Uint8Array, rest?: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  if (rest) yield* rest;
}

/** The header and its extension flag. For pairs the voxels start at byte 0 of the other file. */
export function niftiHeader(volume: Omit<Volume, 'voxels'>, type: VoxelType, isPair = false): Uint8Array {
  const [z, y, x] = volume.grid.shape;
  const channels = volume.channels.length;
  const sizes = channels > 1 ? [x, y, z, channels] : [x, y, z];
  const wide = sizes.some((n) => n > 32767);
  const end = wide ? 540 : 348;
  const bytes = new Uint8Array(end + 4);
  const view = new DataView(bytes.buffer);
  const real = (offset: number, values: readonly number[]): void =>
    values.forEach((v, i) =>
      wide ? view.setFloat64(offset + 8 * i, v, true) : view.setFloat32(offset + 4 * i, v, true),
    );
  const code = (offset: number, value: number): void =>
    wide ? view.setInt32(offset, value, true) : view.setInt16(offset, value, true);
  const dims = [sizes.length, ...sizes, ...Array<number>(7 - sizes.length).fill(1)];
  const [sz, sy, sx] = spacing(volume.grid);
  const straight = shear(volume.grid) <= 1e-4;
  const qform = straight ? qformOf(volume.grid) : { quaternion: [0, 0, 0] as const, handedness: 1 };
  const a = volume.grid.affine;
  view.setInt32(0, end, true);
  bytes.set([0x6e, isPair ? 0x69 : 0x2b, wide ? 0x32 : 0x31, 0], wide ? 4 : 344);
  if (wide) bytes.set([0x0d, 0x0a, 0x1a, 0x0a], 8);
  dims.forEach((n, i) => (wide ? view.setBigInt64(16 + 8 * i, BigInt(n), true) : view.setInt16(40 + 2 * i, n, true)));
  view.setInt16(wide ? 12 : 70, DATATYPES[type], true);
  view.setInt16(wide ? 14 : 72, 8 * STORED_BYTES[type], true);
  real(wide ? 104 : 76, [qform.handedness, sx, sy, sz, 1, 1, 1, 1]);
  const offset = isPair ? 0 : end + 4;
  if (wide) view.setBigInt64(168, BigInt(offset), true);
  else view.setFloat32(108, offset, true);
  real(wide ? 176 : 112, [1, 0]);
  if (wide) view.setInt32(500, UNITS, true);
  else bytes[123] = UNITS;
  code(wide ? 504 : 68, volume.kind === 'labels' ? INTENT_LABEL : 0);
  code(wide ? 344 : 252, straight ? SCANNER : 0);
  code(wide ? 348 : 254, SCANNER);
  real(wide ? 352 : 256, [...qform.quaternion, a[3]!, a[7]!, a[11]!]);
  for (let row = 0; row < 3; row++)
    real((wide ? 400 : 280) + row * 4 * (wide ? 8 : 4), [
      a[4 * row + 2]!,
      a[4 * row + 1]!,
      a[4 * row]!,
      a[4 * row + 3]!,
    ]);
  return bytes;
}
