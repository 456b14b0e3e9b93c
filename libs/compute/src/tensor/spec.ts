/** What a tensor is without its numbers: shape and dtype, and the typed array that holds it on the host. */

/** Sizes per axis, slowest first; a scalar is []. */
export type Shape = readonly number[];

/** f16 exists as storage on WebGPU devices that support it; the host sees it as Float32Array. */
export type DType = 'f32' | 'f16' | 'i32' | 'u8';

/** Host arrays by dtype: f32 and f16 -> Float32Array, i32 -> Int32Array, u8 -> Uint8Array. */
export type HostArray = Float32Array | Int32Array | Uint8Array;

export interface TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/** Bytes per element in storage. */
export function bytesPerElement(dtype: DType): number {
  return dtype === 'u8' ? 1 : dtype === 'f16' ? 2 : 4;
}

/** A zero-filled host array for a spec. */
export function hostArray(spec: TensorSpec): HostArray {
  const size = sizeOf(spec.shape);
  if (spec.dtype === 'i32') return new Int32Array(size);
  if (spec.dtype === 'u8') return new Uint8Array(size);
  return new Float32Array(size);
}

/** For messages: `f32 [2, 16, 64, 64, 64]`. */
export function describe(spec: TensorSpec): string {
  return `${spec.dtype} [${spec.shape.join(', ')}]`;
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}
