/** How a tensor lies in buffers: in one, or where one binding does not hold it, in several of whole rows each. */
import { OutOfMemoryError } from '../../errors.ts';
import { describe, sizeOf, type TensorSpec } from '../../tensor/spec.ts';
import { gpuType, type GpuType } from './kernel.ts';

/** Most elements that a 32-bit index in a shader reaches. */
const MOST_ELEMENTS = 2 ** 32 - 1;

/** Elements of each segment, in row-major order; all but the last hold as many. */
export type Segments = readonly number[];

/** The most bytes of one buffer that a shader can be given. */
export function bindingBytes(limits: GPUSupportedLimits): number {
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  return most - (most % 4);
}

/**
 * Segments of rows as long as possible, so that parts of an operation along a leading axis lie in one.
 *
 * Throws: OutOfMemoryError past what indices reach.
 */
export function segmentsOf(spec: TensorSpec, mostBytes: number, storage: GpuType = gpuType(spec.dtype)): Segments {
  const size = sizeOf(spec.shape);
  if (size > MOST_ELEMENTS)
    throw new OutOfMemoryError(
      `webgpu: ${describe(spec)} has ${size} elements, kernels reach ${MOST_ELEMENTS}; cut it into parts.`,
      { requestedBytes: size * bytesOf(storage), limitBytes: MOST_ELEMENTS * bytesOf(storage) },
    );
  const most = Math.floor(mostBytes / bytesOf(storage));
  if (size <= most) return [size];
  let row = size;
  for (const n of spec.shape) if (row > most) row /= n;
  const each = Math.floor(most / row) * row;
  return Array.from({ length: Math.ceil(size / each) }, (_, k) => Math.min(each, size - k * each));
}

export function bytesOf(storage: GpuType): number {
  return storage === 'f16' ? 2 : 4;
}
