/** Numbers on a device: a shape, a dtype, a storage. No operations: those are functions. */
import type { Device, Storage } from '../devices/device.ts';
import { DTypeError, ShapeError, UsageError } from '../errors.ts';
import { adopt } from './scope.ts';
import { describe, hostArray, sizeOf, type DType, type HostArray, type Shape, type TensorSpec } from './spec.ts';

export class Tensor implements TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: Device;
  #storage: Storage | undefined;

  /** For devices and operations; everybody else makes tensors with `tensor` or `zeros`. */
  constructor(spec: TensorSpec, device: Device, storage: Storage) {
    this.shape = spec.shape;
    this.dtype = spec.dtype;
    this.device = device;
    this.#storage = storage;
    adopt(this);
  }

  /** Where the numbers live. Throws: UsageError after `dispose`. */
  get storage(): Storage {
    if (this.#storage === undefined)
      throw new UsageError(
        `Tensor ${describe(this)}: used after it was disposed; keep it out of the scope that freed it, or return it from there.`,
      );
    return this.#storage;
  }

  get disposed(): boolean {
    return this.#storage === undefined;
  }

  /** Copies the numbers to the host, in row-major order. The only call that waits for the device. */
  read(): Promise<HostArray> {
    return this.device.read(this.storage, this);
  }

  /** Gives the storage back. Disposing twice is allowed. */
  dispose(): void {
    if (this.#storage === undefined) return;
    this.device.release(this.#storage);
    this.#storage = undefined;
  }

  toString(): string {
    return `Tensor(${describe(this)} on ${this.device.kind})`;
  }
}

/**
 * Copies host numbers to a device. `data` is taken in row-major order; a plain array of numbers becomes f32.
 *
 * Throws: ShapeError if the count of numbers is not that of the shape; DTypeError if the array does not fit the dtype.
 */
export function tensor(device: Device, data: HostArray | readonly number[], shape: Shape, dtype?: DType): Tensor {
  const wanted: DType = dtype ?? (data instanceof Int32Array ? 'i32' : data instanceof Uint8Array ? 'u8' : 'f32');
  const spec: TensorSpec = { shape: [...shape], dtype: wanted };
  if (data.length !== sizeOf(shape))
    throw new ShapeError(`tensor: shape [${shape.join(', ')}] holds ${sizeOf(shape)} numbers, ${data.length} came.`, {
      shape,
      length: data.length,
    });
  let host: HostArray;
  if (ArrayBuffer.isView(data)) {
    host = data as HostArray;
    const fits =
      wanted === 'i32'
        ? host instanceof Int32Array
        : wanted === 'u8'
          ? host instanceof Uint8Array
          : host instanceof Float32Array;
    if (!fits)
      throw new DTypeError(
        `tensor: ${wanted} is made of another typed array than ${host.constructor.name}; convert it first.`,
        { dtype: wanted },
      );
  } else {
    host = hostArray(spec);
    host.set(data as readonly number[]);
  }
  return new Tensor(spec, device, device.upload(host, spec));
}

/** A tensor of zeros. */
export function zeros(device: Device, shape: Shape, dtype: DType = 'f32'): Tensor {
  return tensor(device, hostArray({ shape, dtype }), shape, dtype);
}
