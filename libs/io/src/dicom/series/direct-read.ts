/** Uncompressed 16-bit slices, read straight into the volume and rescaled there: no second buffer, no second pass over memory. */
import type { VoxelArray } from '@voxelwise/volume';
import { bigEndianPixels } from '../dataset/transfer-syntax.ts';
import { pixelShortage } from '../pixels/pixel-format.ts';
import type { FrameInfo } from './instance.ts';

const hostIsLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** A value left the 16 bits that were tried first. */
export class Overflow extends Error {}

interface Bits {
  readonly up: number;
  readonly down: number;
  readonly intercept: number;
}

/**
 * All 16 bits in use and signed, as most CT is: one addition per pixel, two pixels per 32-bit word. The high bit of each half
 * is added without carry (Hacker's Delight 2-18), and differs from both terms' where a half overflowed. Half the time of a plain loop.
 */
function addInPlace(t: Int16Array, intercept: number): boolean {
  const words = new Int32Array(t.buffer, t.byteOffset, t.length >> 1);
  const both = (intercept & 0xffff) | (intercept << 16);
  const low = both & 0x7fff7fff;
  let over = 0;
  let i = 0;
  for (; i + 3 < words.length; i += 4) {
    const a = words[i]!;
    const b = words[i + 1]!;
    const c = words[i + 2]!;
    const d = words[i + 3]!;
    const p = ((a & 0x7fff7fff) + low) ^ ((a ^ both) & 0x80008000);
    const q = ((b & 0x7fff7fff) + low) ^ ((b ^ both) & 0x80008000);
    const r = ((c & 0x7fff7fff) + low) ^ ((c ^ both) & 0x80008000);
    const s = ((d & 0x7fff7fff) + low) ^ ((d ^ both) & 0x80008000);
    over |= (~(a ^ both) & (a ^ p)) | (~(b ^ both) & (b ^ q)) | (~(c ^ both) & (c ^ r)) | (~(d ^ both) & (d ^ s));
    words[i] = p;
    words[i + 1] = q;
    words[i + 2] = r;
    words[i + 3] = s;
  }
  return (over & 0x80008000) === 0 && signedInPlace(t.subarray(i * 2), { up: 16, down: 16, intercept }) === 0;
}

/** Each loop has one kind of array and sign, so that it compiles to plain integer arithmetic. Returns bits beyond the 16 that any value had. */
function signedInPlace(t: Int16Array, { up, down, intercept }: Bits): number {
  let over = 0;
  for (let i = 0; i < t.length; i++) {
    const v = ((t[i]! << up) >> down) + intercept;
    over |= v + 32768;
    t[i] = v;
  }
  return over & ~0xffff;
}

function unsignedInPlace(t: Int16Array, { up, down, intercept }: Bits): number {
  let over = 0;
  for (let i = 0; i < t.length; i++) {
    const v = ((t[i]! << up) >>> down) + intercept;
    over |= v + 32768;
    t[i] = v;
  }
  return over & ~0xffff;
}

function maskInPlace(t: Uint16Array, { up, down, intercept }: Bits): number {
  let over = 0;
  for (let i = 0; i < t.length; i++) {
    const v = ((t[i]! << up) >>> down) + intercept;
    over |= v & ~0xffff;
    t[i] = v;
  }
  return over;
}

/**
 * Reads a frame into `target`, one slice of 16-bit values. False when the frame needs another way: compressed, byte-swapped,
 * colored, tiled, scaled by a fraction, or from a source that cannot fill memory.
 * Throws: Overflow when a value does not fit; `target` is spoiled then.
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
    !Number.isInteger(intercept) ||
    Math.abs(intercept) > 2 ** 30
  )
    return false;
  if (window.rows !== rows || window.columns !== columns || target.length !== rows * columns) return false;
  if (pixels?.source.fillSync === undefined || pixels.length < 0 || pixelShortage(file, format) !== undefined)
    return false;
  const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  if (pixels.source.fillSync(pixels.offset + index * bytes.length, bytes) !== bytes.length) return false;
  const bits = { up: 31 - highBit, down: 32 - bitsStored, intercept };
  if (target instanceof Uint16Array) {
    if ((bitsStored < 16 || intercept !== 0) && maskInPlace(target, bits) !== 0) throw new Overflow();
  } else if (target instanceof Int16Array) {
    if (signed && bitsStored === 16 && intercept === 0) return true;
    const whole = signed && bitsStored === 16 && Math.abs(intercept) < 32768 && target.byteOffset % 4 === 0;
    const fitting = whole
      ? addInPlace(target, intercept)
      : (signed ? signedInPlace(target, bits) : unsignedInPlace(target, bits)) === 0;
    if (!fitting) throw new Overflow();
  }
  return true;
}
