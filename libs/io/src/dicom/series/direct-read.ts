/** Uncompressed 16-bit slices, read and rescaled without another buffer of their size: straight into the volume where stored values are values. */
import type { VoxelArray } from '@voxelwise/volume';
import { bigEndianPixels } from '../dataset/transfer-syntax.ts';
import { hostIsLittle } from '../pixels/native.ts';
import { pixelShortage } from '../pixels/pixel-format.ts';
import { MOST_WORDS, isWordShift, settleInto, wordsRoom } from '../pixels/words.ts';
import type { FrameInfo } from './instance.ts';

/** A value left the 16 bits that were tried first. */
export class Overflow extends Error {}

/**
 * Reads a frame into `target`, one slice of 16-bit values. False when the frame needs another way: compressed, byte-swapped,
 * colored, tiled, scaled by a fraction, or from a source that cannot fill memory.
 * Throws: Overflow when a value does not fit.
 */
export function readDirectly(frame: FrameInfo, target: VoxelArray): boolean {
  const { instance, slope, intercept, window, index, table } = frame;
  const { format, file } = instance;
  const { pixels, syntax } = file;
  const { bitsAllocated, bitsStored, highBit, samples, float, signed, rows, columns } = format;
  const fits = target instanceof Int16Array || (target instanceof Uint16Array && !signed);
  const plain =
    bitsAllocated === 16 &&
    samples === 1 &&
    !float &&
    syntax.compression === 'native' &&
    hostIsLittle &&
    !bigEndianPixels(syntax);
  if (
    !fits ||
    !plain ||
    table !== undefined ||
    instance.palette !== undefined ||
    slope !== 1 ||
    !isWordShift(intercept)
  )
    return false;
  if (window.rows !== rows || window.columns !== columns || target.length !== rows * columns) return false;
  if (target.length > MOST_WORDS) return false;
  if (pixels?.source.fillSync === undefined || pixels.length < 0 || pixelShortage(file, format) !== undefined)
    return false;
  const offset = pixels.offset + index * target.byteLength;
  const asStored = signed === target instanceof Int16Array && bitsStored === 16 && intercept === 0;
  const room = asStored
    ? new Uint8Array(target.buffer, target.byteOffset, target.byteLength)
    : wordsRoom(target.length);
  if (pixels.source.fillSync(offset, room) !== room.length) return false;
  if (!asStored && !settleInto(target, { signed, above: 15 - highBit, unused: 16 - bitsStored, intercept }))
    throw new Overflow();
  return true;
}
