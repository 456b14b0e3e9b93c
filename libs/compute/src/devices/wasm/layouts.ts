/** Storage sizes and host-side conversion of the two layouts of kernel.ts. */
import { bytesPerElement, sizeOf, type TensorSpec } from '../../tensor/spec.ts';
import type { Layout } from './kernel.ts';

/** Channels per block. */
export const BLOCK = 8;

/** Whether a spec may be stored blocked: f32 of rank 4 or 5. */
export function canBeBlocked(spec: TensorSpec): boolean {
  return spec.dtype === 'f32' && (spec.shape.length === 4 || spec.shape.length === 5);
}

export function storedBytes(spec: TensorSpec, layout: Layout): number {
  if (layout === 'plain') return sizeOf(spec.shape) * bytesPerElement(spec.dtype);
  const [n, c, ...space] = spec.shape as [number, number, ...number[]];
  return n * Math.ceil(c / BLOCK) * BLOCK * sizeOf(space) * 4;
}

/** Blocked storage -> row-major. */
export function unblock(stored: Float32Array, spec: TensorSpec): Float32Array {
  const [n, c, ...space] = spec.shape as [number, number, ...number[]];
  const voxels = sizeOf(space);
  const blocks = Math.ceil(c / BLOCK);
  const plain = new Float32Array(sizeOf(spec.shape));
  for (let sample = 0; sample < n; sample++)
    for (let channel = 0; channel < c; channel++) {
      let from = (sample * blocks + (channel >> 3)) * voxels * BLOCK + (channel & 7);
      const to = (sample * c + channel) * voxels;
      for (let v = 0; v < voxels; v++, from += BLOCK) plain[to + v] = stored[from]!;
    }
  return plain;
}
