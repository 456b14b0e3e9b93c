/** Arrays with a name, a shape and a type: weights, moments, golden values. Files of several formats come down to these. */
import { HOST_IS_LITTLE_ENDIAN, halfToNumber, swapBytes } from '../voxels/stored-type.ts';

export type ArrayType =
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
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'complex64'
  | 'complex128';

export type ArrayData =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/**
 * C order. `data` holds float16 and bfloat16 as float32, bool as bytes, complex numbers as pairs; `dtype` remembers what the
 * file stores and what a writer writes.
 */
export interface NamedArray {
  readonly dtype: ArrayType;
  readonly shape: readonly number[];
  readonly data: ArrayData;
}

export type NamedArrays = ReadonlyMap<string, NamedArray>;

/** Bytes of one stored element. */
export const ARRAY_BYTES: Readonly<Record<ArrayType, number>> = {
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
  bfloat16: 2,
  float32: 4,
  float64: 8,
  complex64: 8,
  complex128: 16,
};

const CLASSES = {
  int8: Int8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** Number of elements. NaN-free for any list of whole numbers; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Stored bytes as numbers. The bytes are copied: files may be let go. */
export function arrayData(dtype: ArrayType, bytes: Uint8Array, littleEndian = true): ArrayData {
  const copy = new Uint8Array(bytes); // not slice: a Buffer's shares memory
  const unit = dtype === 'complex64' ? 4 : dtype === 'complex128' ? 8 : ARRAY_BYTES[dtype];
  if (littleEndian !== HOST_IS_LITTLE_ENDIAN) swapBytes(copy, unit);
  switch (dtype) {
    case 'bool':
    case 'uint8':
      return copy;
    case 'float16':
      return Float32Array.from(new Uint16Array(copy.buffer), halfToNumber);
    case 'bfloat16': {
      const bits = new Uint32Array(copy.length / 2);
      new Uint16Array(copy.buffer).forEach((half, i) => (bits[i] = half << 16));
      return new Float32Array(bits.buffer);
    }
    case 'complex64':
      return new Float32Array(copy.buffer);
    case 'complex128':
      return new Float64Array(copy.buffer);
    default:
      return new CLASSES[dtype](copy.buffer);
  }
}

/** Numbers as they are stored, low byte first. A view where possible. */
export function arrayBytes({ dtype, data }: NamedArray): Uint8Array {
  let stored: ArrayBufferView = data;
  if (dtype === 'float16') stored = Uint16Array.from(data as Float32Array, numberToHalf);
  if (dtype === 'bfloat16') stored = bfloatBits(data as Float32Array);
  const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
  if (HOST_IS_LITTLE_ENDIAN || ARRAY_BYTES[dtype] === 1) return bytes;
  const copy = new Uint8Array(bytes);
  swapBytes(copy, dtype === 'complex64' ? 4 : dtype === 'complex128' ? 8 : ARRAY_BYTES[dtype]);
  return copy;
}

/** The nearest half-precision number, ties to even, as its 16 bits. Source: IEEE 754-2008, binary16. */
export function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  const scale = size >= 2 ** (exponent + 1) ? exponent + 1 : size < 2 ** exponent ? exponent - 1 : exponent;
  return sign | (((scale + 15) << 10) + roundToEven((size / 2 ** scale - 1) * 1024));
}

function roundToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}

function bfloatBits(data: Float32Array): Uint16Array {
  const bits = new Uint32Array(data.slice().buffer);
  return Uint16Array.from(bits, (b) =>
    (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16,
  );
}

/** The values as float32, whatever they were. */
export function asFloat32({ data }: NamedArray): Float32Array {
  if (data instanceof Float32Array) return data;
  return data instanceof BigInt64Array || data instanceof BigUint64Array
    ? Float32Array.from(data as unknown as ArrayLike<number>, Number)
    : Float32Array.from(data);
}
