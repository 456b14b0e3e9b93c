/** The calls that a checkpoint's pickle may make: rebuilding tensors, storages, NumPy scalars and arrays. */
import { ARRAY_BYTES, arrayData, elementCount } from '../../arrays/named-array.ts';
import type { ArrayType, NamedArray } from '../../arrays/named-array.ts';
import { FormatError } from '../../errors.ts';
import { toCOrder } from '../npy/npy.ts';
import { OpaqueObject, PickleGlobal, Tuple } from './pickle-values.ts';
import type { PickleValue } from './pickle-values.ts';
import { TorchStorage, TorchTensor } from './torch-tensor.ts';
import type { PickleHooks } from './unpickle.ts';

const STORAGES: Readonly<Record<string, ArrayType>> = {
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  ComplexFloatStorage: 'complex64',
  ComplexDoubleStorage: 'complex128',
};
const TORCH_TYPES: Readonly<Record<string, ArrayType>> = {
  float32: 'float32',
  float: 'float32',
  float64: 'float64',
  double: 'float64',
  float16: 'float16',
  half: 'float16',
  bfloat16: 'bfloat16',
  int64: 'int64',
  long: 'int64',
  int32: 'int32',
  int: 'int32',
  int16: 'int16',
  short: 'int16',
  int8: 'int8',
  uint8: 'uint8',
  bool: 'bool',
  complex64: 'complex64',
  complex128: 'complex128',
  uint16: 'uint16',
  uint32: 'uint32',
  uint64: 'uint64',
};
const NUMPY_TYPES: Readonly<Record<string, ArrayType>> = {
  f8: 'float64',
  f4: 'float32',
  f2: 'float16',
  i8: 'int64',
  i4: 'int32',
  i2: 'int16',
  i1: 'int8',
  u8: 'uint64',
  u4: 'uint32',
  u2: 'uint16',
  u1: 'uint8',
  b1: 'bool',
};
const MOST_AXES = 64;

/** A NumPy dtype, an array being rebuilt, a finished array: objects of this reader. */
export class NumpyType {
  readonly foreign = 'dtype';
  readonly dtype: ArrayType | undefined;
  littleEndian = true;
  constructor(code: string) {
    this.dtype = NUMPY_TYPES[code.replace(/^[<>|=]/, '')];
    if (code.startsWith('>')) this.littleEndian = false;
  }
}
export class NumpyArray {
  readonly foreign = 'ndarray';
  array: NamedArray | undefined;
}

/** Hooks for `unpickle` that collect the storages the pickle names. */
export function torchHooks(storages: Map<string, TorchStorage>, file: string | undefined): PickleHooks {
  const fail = (message: string): never => {
    throw new FormatError(`${file ?? 'checkpoint'}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      field: 'pickle',
    });
  };

  return {
    persistent(id) {
      const parts = id instanceof Tuple ? id.items : [];
      const [kind, type, key, , length] = parts;
      if (kind !== 'storage' || typeof key !== 'string' || typeof length !== 'number' || !(length >= 0))
        return fail('a persistent id is no storage (TorchScript archives hold code; save a state_dict instead).');
      const name = type instanceof PickleGlobal ? type.name : '';
      const isUntyped = name === 'UntypedStorage';
      const dtype = STORAGES[name];
      if (!isUntyped && !dtype)
        return fail(
          `storage ${key} is of the type ${type instanceof PickleGlobal ? type.path : JSON.stringify(type)}, which is not read (quantized?).`,
        );
      const known = storages.get(key);
      if (known) return known;
      const storage = new TorchStorage(key, isUntyped ? undefined : dtype, length);
      storages.set(key, storage);
      return storage;
    },
    call({ module, name }, args) {
      if (module === 'torch._utils') {
        if (name === '_rebuild_tensor' || name === '_rebuild_tensor_v2') return tensor(args, undefined);
        if (name === '_rebuild_tensor_v3') return tensor(args, args[6]);
        if (
          (name === '_rebuild_parameter' || name === '_rebuild_parameter_with_state') &&
          args[0] instanceof TorchTensor
        )
          return args[0];
      }
      if (
        module === 'torch._tensor' &&
        name === '_rebuild_from_type_v2' &&
        args[0] instanceof PickleGlobal &&
        args[2] instanceof Tuple
      )
        return this.call(args[0], args[2].items);
      if (module === 'numpy' && name === 'dtype' && typeof args[0] === 'string') return new NumpyType(args[0]);
      if (/^numpy\.(_?core)\.multiarray$/.test(module)) {
        if (name === 'scalar') return scalar(args);
        if (name === '_reconstruct') return new NumpyArray();
      }
      return undefined;
    },
    build(target, state) {
      const items = state instanceof Tuple ? state.items : [];
      if (target instanceof NumpyType) {
        if (items[1] === '>') target.littleEndian = false;
        return true;
      }
      if (target instanceof NumpyArray) {
        target.array = numpyArray(items);
        return true;
      }
      return target instanceof TorchTensor;
    },
  };

  function tensor(args: readonly PickleValue[], type: PickleValue | undefined): PickleValue | undefined {
    const [storage, offset, size, stride] = args;
    if (!(storage instanceof TorchStorage) || !(size instanceof Tuple) || !(stride instanceof Tuple)) return undefined;
    const dtype = type instanceof PickleGlobal ? TORCH_TYPES[type.name] : storage.dtype;
    if (!dtype)
      return fail(`a tensor has the type ${type instanceof PickleGlobal ? type.path : 'unknown'}, which is not read.`);
    const counts = (list: readonly PickleValue[]): readonly number[] => {
      if (list.length > MOST_AXES || !list.every((n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0))
        fail(`a tensor of storage ${storage.key} has impossible sizes or strides.`);
      return list as readonly number[];
    };
    const [shape, strides] = [counts(size.items), counts(stride.items)];
    if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0)
      return fail(`a tensor of storage ${storage.key} begins at an impossible element.`);
    if (shape.length !== strides.length)
      return fail(`a tensor of storage ${storage.key} has ${shape.length} sizes and ${strides.length} strides.`);
    return new TorchTensor(storage, { dtype, shape, strides, offset });
  }

  function scalar([type, raw]: readonly PickleValue[]): PickleValue | undefined {
    if (
      !(type instanceof NumpyType) ||
      !type.dtype ||
      !(raw instanceof Uint8Array) ||
      raw.length !== ARRAY_BYTES[type.dtype]
    )
      return undefined;
    const value = arrayData(type.dtype, raw, type.littleEndian)[0]!;
    return type.dtype === 'bool'
      ? value !== 0
      : typeof value === 'bigint' && value >= -(2n ** 53n) && value <= 2n ** 53n
        ? Number(value)
        : value;
  }

  function numpyArray([, shape, type, fortran, raw]: readonly PickleValue[]): NamedArray | undefined {
    if (!(shape instanceof Tuple) || !(type instanceof NumpyType) || !type.dtype || !(raw instanceof Uint8Array))
      return undefined;
    const sizes = shape.items.map(Number);
    if (elementCount(sizes) * ARRAY_BYTES[type.dtype] !== raw.length)
      return fail('a NumPy array has not as many bytes as its shape says.');
    const data = arrayData(type.dtype, raw, type.littleEndian);
    const columns = fortran === true && sizes.length > 1;
    const each = type.dtype.startsWith('complex') ? 2 : 1;
    return { dtype: type.dtype, shape: sizes, data: columns ? toCOrder(data, sizes, each) : data };
  }
}

/** The unknown globals behind a value, one level deep: what to name when a value cannot be used. */
export function opaqueNames(value: PickleValue): readonly string[] {
  if (value instanceof OpaqueObject) return [value.type.path];
  if (value instanceof PickleGlobal) return [value.path];
  return [];
}
