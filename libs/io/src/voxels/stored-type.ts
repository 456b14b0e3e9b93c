/** How numbers lie in files: their type on disk, its size, and the array that holds it in memory. */
import type { VoxelArray } from '@voxelwise/volume';

/** Number types that files store. rgb24, rgba32 and complex are several numbers per voxel and described by their parts. */
export type StoredType =
  | 'bool'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'float128'
  | 'complex64'
  | 'complex128';

/** Types that have an array of their own in memory. */
export type VoxelType = 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'float32' | 'float64';

/** Bytes of one stored number. */
export const STORED_BYTES: Readonly<Record<StoredType, number>> = {
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float16: 2,
  float32: 4,
  float64: 8,
  float128: 16,
  complex64: 8,
  complex128: 16,
};

/** Bytes of the parts that byte order swaps: half of a complex number. */
export function swapUnit(type: StoredType): number {
  return type === 'complex64' ? 4 : type === 'complex128' ? 8 : STORED_BYTES[type];
}

const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** Whole-number types and what they hold. */
export const INTEGER_RANGE: Readonly<Partial<Record<StoredType, readonly [number, number]>>> = {
  bool: [0, 1],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
  int64: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/** An array of `length` zeros of this type. */
export function newVoxels(type: VoxelType, length: number): VoxelArray {
  return new ARRAYS[type](length);
}

/** A view of `buffer` as numbers of this type; `byteOffset` must be a multiple of their size. */
export function viewVoxels(type: VoxelType, buffer: ArrayBufferLike, byteOffset: number, length: number): VoxelArray {
  return new ARRAYS[type](buffer as ArrayBuffer, byteOffset, length);
}

/** The type whose array this is. */
export function voxelTypeOf(voxels: VoxelArray): VoxelType {
  for (const [type, Class] of Object.entries(ARRAYS)) if (voxels instanceof Class) return type as VoxelType;
  throw new TypeError(
    `voxelTypeOf: ${Object.prototype.toString.call(voxels)} holds no voxels; use a typed array of numbers.`,
  );
}

export function isVoxelType(type: StoredType): type is VoxelType {
  return type in ARRAYS;
}

/** The bytes of an array, in place. */
export function bytesOf(voxels: ArrayBufferView): Uint8Array {
  return new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength);
}

/** True on machines that store the low byte first: all that browsers and Node run on today, but asked, not assumed. */
export const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Reverses every group of `unit` bytes. */
export function swapBytes(bytes: Uint8Array, unit: number): void {
  if (unit === 2)
    for (let i = 0; i + 1 < bytes.length; i += 2) {
      const low = bytes[i]!;
      bytes[i] = bytes[i + 1]!;
      bytes[i + 1] = low;
    }
  else
    for (let i = 0; i + unit <= bytes.length; i += unit)
      for (let low = i, high = i + unit - 1; low < high; low++, high--) {
        const first = bytes[low]!;
        bytes[low] = bytes[high]!;
        bytes[high] = first;
      }
}

/** IEEE half precision, given as its 16 bits, as a number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The two numbers of 16 bytes that C calls long double: IEEE's quadruple, and the 80 bits of Intel's processors, padded. */
export type LongDouble = 'quadruple' | 'intel';

/**
 * Which of the two these are, given as low and high halves of 64 bits; undefined where they are zeros, or whole numbers of few bits, and do
 * not tell. Intel's store the one before the point, the highest of the low half; what pads them is anything.
 */
export function longDoublesAre(lows: readonly bigint[], highs: readonly bigint[]): LongDouble | undefined {
  const telling = lows.flatMap((low, i) => (low === 0n ? [] : [i]));
  if (telling.length === 0) return undefined;
  const isIntel = (i: number): boolean => {
    const exponent = Number(highs[i]! & 0x7fffn);
    // what is infinite, or no larger and no smaller than doubles are
    return lows[i]! >> 63n === 1n && (exponent === 0x7fff || Math.abs(exponent - 16383) < 1100);
  };
  return telling.every(isIntel) ? 'intel' : 'quadruple';
}

/** A long double as the nearest number. */
export function longDoubleToNumber(low: bigint, high: bigint, kind: LongDouble): number {
  const top = kind === 'intel' ? high : high >> 48n;
  const sign = top & 0x8000n ? -1 : 1;
  const exponent = Number(top & 0x7fffn) - 16383;
  // Number() rounds to the nearest, half to even, as a narrowing conversion does
  const significand = kind === 'intel' ? low << 49n : (1n << 112n) | ((high & 0xffffffffffffn) << 64n) | low;
  if (exponent === 16384) return significand === 1n << 112n ? sign * Infinity : NaN;
  if (exponent === -16383) return sign * 0;
  return ((sign * Number(significand)) / 2 ** 112) * 2 ** exponent;
}
