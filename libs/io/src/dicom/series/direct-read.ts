/** Uncompressed 16-bit slices, read and rescaled without another buffer of their size: straight into the volume where stored values are values. */
import type { VoxelArray } from '@voxelwise/volume';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { TAG } from '../dataset/tags.ts';
import { bigEndianPixels } from '../dataset/transfer-syntax.ts';
import { bytesOfArray, hostIsLittle } from '../pixels/native.ts';
import { pixelShortage } from '../pixels/pixel-format.ts';
import { MOST_WORDS, isWordShift, settleInto, wordsRoom } from '../pixels/words.ts';
import type { WordBits, WordMemory } from '../pixels/words.ts';
import type { FrameInfo } from './instance.ts';

/** A value left the 16 bits that were tried first. */
export class Overflow extends Error {}

/** How the pixels of a frame become values in place. */
interface Direct {
  readonly source: DicomSource;
  readonly offset: number;
  /** Undefined where stored values are values. */
  readonly bits: WordBits | undefined;
}

/** What a direct read of the frame into one slice of 16-bit values does; undefined when the frame needs another way. */
function directly(frame: FrameInfo, target: VoxelArray): Direct | undefined {
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
  const scaled = table !== undefined || instance.palette !== undefined || slope !== 1 || !isWordShift(intercept);
  if (!fits || !plain || scaled) return undefined;
  if (window.rows !== rows || window.columns !== columns || target.length !== rows * columns) return undefined;
  if (target.length > MOST_WORDS) return undefined;
  if (pixels === undefined || pixels.length < 0 || pixelShortage(file, format) !== undefined) return undefined;
  const asStored = signed === target instanceof Int16Array && bitsStored === 16 && intercept === 0;
  return {
    source: pixels.source,
    offset: pixels.offset + index * target.byteLength,
    bits: asStored ? undefined : { signed, above: 15 - highBit, unused: 16 - bitsStored, intercept },
  };
}

/**
 * Reads a frame into `target`, one slice of 16-bit values. False when the frame needs another way: compressed, byte-swapped,
 * colored, tiled, scaled by a fraction, or from a source that cannot fill memory at once. `memory`: where `target` may lie.
 * Throws: Overflow when a value does not fit.
 */
export function readDirectly(frame: FrameInfo, target: VoxelArray, memory?: WordMemory): boolean {
  const direct = directly(frame, target);
  if (direct?.source.fillSync === undefined) return false;
  const { source, offset, bits } = direct;
  const inPlace = memory?.holds(target) === true;
  const room = bits === undefined || inPlace ? bytesOfArray(target) : wordsRoom(target.length);
  if (source.fillSync!(offset, room) !== room.length) return false;
  if (bits === undefined) return true;
  const settled = inPlace ? memory.settle(target, bits) : settleInto(target as Int16Array, bits);
  if (!settled) throw new Overflow();
  return true;
}

/** Slices from this size on are read while others are brought into values. */
const LARGE_BYTES = 1 << 17;

/** The same while other work goes on; undefined when the frame needs another way, or is too small to gain. */
export function readAside(frame: FrameInfo, target: VoxelArray): Promise<void> | undefined {
  const direct = directly(frame, target);
  if (direct?.source.fill === undefined) return undefined;
  if (target.byteLength < LARGE_BYTES && direct.source.fillSync !== undefined) return undefined;
  return fillAside(frame, target, direct);
}

async function fillAside(frame: FrameInfo, target: VoxelArray, { source, offset, bits }: Direct): Promise<void> {
  const bytes = bytesOfArray(target);
  const found = await source.fill!(offset, bytes);
  if (found !== bytes.length)
    throw frame.instance.file.dataset.fault(
      TAG.PixelData,
      `became shorter while it was read: ${found} of ${bytes.length} bytes of a frame are there.`,
    );
  if (bits === undefined) return;
  wordsRoom(target.length).set(bytes);
  if (!settleInto(target as Int16Array, bits)) throw new Overflow();
}
