/** Tensors as a checkpoint stores them: a view of a storage. They become arrays when asked for. */
import { ARRAY_BYTES, arrayData, elementCount } from '../../arrays/named-array.ts';
import type { ArrayData, ArrayType, NamedArray } from '../../arrays/named-array.ts';
import { FormatError } from '../../errors.ts';

/** Memory behind tensors; several may share one. */
export class TorchStorage {
  readonly foreign = 'storage';
  readonly key: string;
  /** Undefined for untyped storages: the tensor says what it is. */
  readonly dtype: ArrayType | undefined;
  /** Elements (bytes, if untyped) as the pickle claims. */
  readonly length: number;
  /** Set once the file's records are read. */
  bytes: Uint8Array | undefined;
  littleEndian = true;
  constructor(key: string, dtype: ArrayType | undefined, length: number) {
    this.key = key;
    this.dtype = dtype;
    this.length = length;
  }
}

export interface TensorView {
  readonly dtype: ArrayType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
}

export class TorchTensor {
  readonly foreign = 'tensor';
  readonly dtype: ArrayType;
  readonly shape: readonly number[];
  readonly storage: TorchStorage;
  readonly #view: TensorView;
  constructor(storage: TorchStorage, view: TensorView) {
    this.dtype = view.dtype;
    this.shape = view.shape;
    this.storage = storage;
    this.#view = view;
  }

  /** Bytes that `toArray` will hold at rest: count them before many tensors share one storage. */
  get byteLength(): number {
    return elementCount(this.shape) * ARRAY_BYTES[this.dtype];
  }

  /** The tensor in C order. Throws: FormatError if it reaches outside its storage. */
  toArray(name: string, file?: string): NamedArray {
    const { dtype, shape, strides, offset } = this.#view;
    const size = ARRAY_BYTES[dtype];
    const count = elementCount(shape);
    const bytes = this.storage.bytes;
    const last = shape.reduce((at, n, axis) => at + (n - 1) * strides[axis]!, offset);
    if (!bytes || (count > 0 && (offset + 0 < 0 || (last + 1) * size > bytes.length)))
      throw new FormatError(
        `${file ?? 'checkpoint'}: tensor "${name}" [${shape.join(', ')}] ${dtype} reaches to element ${last} of storage ${this.storage.key}, which has ${Math.floor((bytes?.length ?? 0) / size)}; the file is incomplete or damaged.`,
        { ...(file === undefined ? {} : { file }), field: name, byteOffset: 0 },
      );
    if (count === 0) return { dtype, shape, data: arrayData(dtype, new Uint8Array(0)) };
    if (isContiguous(shape, strides))
      return {
        dtype,
        shape,
        data: arrayData(dtype, bytes.subarray(offset * size, (offset + count) * size), this.storage.littleEndian),
      };
    const whole = arrayData(dtype, bytes.subarray(offset * size, (last + 1) * size), this.storage.littleEndian);
    return { dtype, shape, data: gather(whole, { dtype, shape, strides, offset: 0 }, count) };
  }
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis]! > 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

function gather(whole: ArrayData, { dtype, shape, strides }: TensorView, count: number): ArrayData {
  const per = dtype.startsWith('complex') ? 2 : 1;
  const out = new (whole.constructor as new (n: number) => ArrayData)(count * per);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    for (let p = 0; p < per; p++) out[to * per + p] = whole[from * per + p]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
