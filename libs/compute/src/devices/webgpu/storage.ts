/** Host numbers <-> the bytes of a WebGPU buffer: halves for f16, one u32 per u8. */
import { sizeOf, type HostArray, type TensorSpec } from '../../tensor/spec.ts';
import { gpuBytes, gpuType, type GpuType } from './kernel.ts';

const floatBits = new Float32Array(1);
const wordBits = new Uint32Array(floatBits.buffer);

/** The nearest half to a float, ties to even; too large becomes infinity. */
export function toHalf(value: number): number {
  floatBits[0] = value;
  const bits = wordBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude < 0x38800000) {
    // Below the smallest normal half: a multiple of 2^-24. The sum below rounds to even in float arithmetic.
    floatBits[0] = Math.abs(value) + 0.5;
    return sign | (wordBits[0]! - 0x3f000000);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return rounded >= 0x47800000 ? sign | 0x7c00 : sign | ((rounded - 0x38000000) >>> 13);
}

export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bytes to upload, a multiple of 4 long. */
export function encode(data: HostArray, spec: TensorSpec): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(gpuBytes(spec));
  if (spec.dtype === 'f16') {
    const halves = new Uint16Array(bytes.buffer);
    for (let k = 0; k < data.length; k++) halves[k] = toHalf(data[k]!);
  } else if (spec.dtype === 'u8') {
    new Uint32Array(bytes.buffer).set(data.subarray(0, sizeOf(spec.shape)));
  } else {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return bytes;
}

/** Numbers out of downloaded bytes; the result owns its memory. */
export function decode(bytes: ArrayBuffer, spec: TensorSpec, storage: GpuType = gpuType(spec.dtype)): HostArray {
  const size = sizeOf(spec.shape);
  if (spec.dtype === 'i32') return new Int32Array(bytes.slice(0, size * 4));
  if (spec.dtype === 'u8') return Uint8Array.from(new Uint32Array(bytes, 0, size));
  if (storage === 'f16') return Float32Array.from(new Uint16Array(bytes, 0, size), fromHalf);
  return new Float32Array(bytes.slice(0, size * 4));
}
