/** Voxels as another type, when every value fits; and voxels as bytes for a file. */
import type { VoxelArray } from '@voxelwise/volume';
import { FormatError } from '../errors.ts';
import {
  HOST_IS_LITTLE_ENDIAN,
  INTEGER_RANGE,
  STORED_BYTES,
  bytesOf,
  newVoxels,
  swapBytes,
  voxelTypeOf,
} from './stored-type.ts';
import type { VoxelType } from './stored-type.ts';

/**
 * The same values as `type`. Nothing is rounded into a whole-number type and nothing is clipped.
 *
 * Throws: FormatError naming the first value that does not fit.
 */
export function castVoxels(voxels: VoxelArray, type: VoxelType): VoxelArray {
  if (voxelTypeOf(voxels) === type) return voxels;
  const range = INTEGER_RANGE[type];
  if (range) checkFits(voxels, type, range);
  const cast = newVoxels(type, voxels.length);
  cast.set(voxels);
  return cast;
}

function checkFits(voxels: VoxelArray, type: VoxelType, [low, high]: readonly [number, number]): void {
  for (let i = 0; i < voxels.length; i++) {
    const v = voxels[i]!;
    if (!(v >= low && v <= high && v === Math.round(v)))
      throw new FormatError(
        `encodeVolume: voxel ${i} is ${v}, which ${type} cannot hold; choose a wider dtype or rescale the values first.`,
        {
          field: 'dtype',
          details: { index: i, value: v, dtype: type },
        },
      );
  }
}

/** The array's bytes, low byte first, in steps; a view of the array on little-endian machines. */
export async function* littleEndianBytes(voxels: VoxelArray, step = 1 << 20): AsyncGenerator<Uint8Array> {
  const bytes = bytesOf(voxels);
  for (let at = 0; at < bytes.length; at += step) {
    const part = bytes.subarray(at, Math.min(bytes.length, at + step));
    if (HOST_IS_LITTLE_ENDIAN) yield part;
    else {
      const copy = new Uint8Array(part);
      swapBytes(copy, STORED_BYTES[voxelTypeOf(voxels)]);
      yield copy;
    }
  }
}

/** [C, z, y, x] as [z, y, x, C]: channels next to each other, for formats that interleave. */
export function interleaved(voxels: VoxelArray, channels: number): VoxelArray {
  if (channels === 1) return voxels;
  const count = voxels.length / channels;
  const out = newVoxels(voxelTypeOf(voxels), voxels.length);
  for (let c = 0; c < channels; c++) for (let i = 0; i < count; i++) out[i * channels + c] = voxels[c * count + i]!;
  return out;
}
