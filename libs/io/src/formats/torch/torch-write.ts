/** Writing checkpoints that torch.load opens: a zip of one pickle and the tensors' bytes. */
import { encodeZip } from '../../archives/zip.ts';
import type { ZipContent } from '../../archives/zip.ts';
import { arrayBytes, elementCount } from '../../arrays/named-array.ts';
import type { ArrayType, NamedArray } from '../../arrays/named-array.ts';
import { concatenate } from '../../bytes/collect.ts';
import { FormatError } from '../../errors.ts';
import { OrderedDict, PyFloat, Tuple } from './pickle-values.ts';

/**
 * What a checkpoint may hold. Map: dict (keys of any kind); OrderedDict: collections.OrderedDict; object: dict of text keys;
 * array: list; number: int if whole, else float (`PyFloat` forces float); NamedArray: tensor.
 */
export type TorchWritable =
  | null
  | boolean
  | number
  | string
  | PyFloat
  | Tuple
  | NamedArray
  | readonly TorchWritable[]
  | ReadonlyMap<unknown, unknown>
  | { readonly [key: string]: TorchWritable };

const STORAGES: Readonly<Partial<Record<ArrayType, string>>> = {
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  int16: 'ShortStorage',
  int8: 'CharStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
  complex64: 'ComplexFloatStorage',
  complex128: 'ComplexDoubleStorage',
};
const MOST_DEPTH = 200;

/** The bytes of a checkpoint. Arrays that are one object are stored once. Throws: FormatError for values that a checkpoint cannot hold. */
export async function encodeTorch(value: TorchWritable): Promise<Uint8Array> {
  const pickle = new Pickler();
  const data = pickle.finish(value);
  const text = (s: string): Uint8Array => new TextEncoder().encode(s);
  const records: ZipContent[] = [
    { name: 'archive/data.pkl', bytes: data },
    { name: 'archive/byteorder', bytes: text('little') },
  ];
  pickle.storages.forEach((array, i) => records.push({ name: `archive/data/${i}`, bytes: arrayBytes(array) }));
  records.push({ name: 'archive/version', bytes: text('3\n') });
  return encodeZip(records, { align: 64 });
}

const isArray = (v: object): v is NamedArray =>
  'dtype' in v && 'shape' in v && 'data' in v && ArrayBuffer.isView(v.data);

/** Pickle protocol 2, the one that torch.save uses. */
class Pickler {
  readonly storages: NamedArray[] = [];
  readonly #parts: Uint8Array[] = [Uint8Array.of(0x80, 2)];
  readonly #keys = new Map<NamedArray['data'], number>();
  #depth = 0;

  finish(value: unknown): Uint8Array {
    this.#any(value, 'value');
    this.#bytes(0x2e);
    return concatenate(this.#parts);
  }

  #bytes(...bytes: number[]): void {
    this.#parts.push(Uint8Array.from(bytes));
  }

  #any(value: unknown, path: string): void {
    if (++this.#depth > MOST_DEPTH)
      throw new FormatError(`encodeTorch: ${path} is nested deeper than ${MOST_DEPTH} levels.`, { field: path });
    if (value === null || value === undefined) this.#bytes(0x4e);
    else if (typeof value === 'boolean') this.#bytes(value ? 0x88 : 0x89);
    else if (Number.isInteger(value) && !Object.is(value, -0)) this.#int(value as number);
    else if (typeof value === 'number') this.#float(value);
    else if (typeof value === 'string') this.#text(value);
    else if (value instanceof PyFloat) this.#float(value.value);
    else if (value instanceof Tuple) this.#sequence(value.items, path, 0x74);
    else if (Array.isArray(value)) this.#list(value, path);
    else if (value instanceof OrderedDict) this.#orderedDict(value, path);
    else if (value instanceof Map) this.#dict([...value], path);
    else if (typeof value === 'object' && isArray(value)) this.#tensor(value, path);
    else if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
      this.#dict(Object.entries(value), path);
    else
      throw new FormatError(
        `encodeTorch: ${path} is ${typeof value}, which a checkpoint cannot hold; use numbers, text, lists, maps and arrays.`,
        { field: path },
      );
    this.#depth--;
  }

  #int(value: number): void {
    const raw = new Uint8Array(12);
    const view = new DataView(raw.buffer);
    if (value >= -2147483648 && value <= 2147483647) {
      raw[0] = 0x4a;
      view.setInt32(1, value, true);
      this.#parts.push(raw.subarray(0, 5));
    } else {
      raw.set([0x8a, 8]);
      view.setBigInt64(2, BigInt(value), true);
      this.#parts.push(raw.subarray(0, 10));
    }
  }

  #float(value: number): void {
    const raw = new Uint8Array(9);
    raw[0] = 0x47;
    new DataView(raw.buffer).setFloat64(1, value, false);
    this.#parts.push(raw);
  }

  #text(value: string): void {
    const text = new TextEncoder().encode(value);
    const head = new Uint8Array(5);
    head[0] = 0x58;
    new DataView(head.buffer).setUint32(1, text.length, true);
    this.#parts.push(head, text);
  }

  #global(module: string, name: string): void {
    this.#parts.push(new TextEncoder().encode(`c${module}\n${name}\n`));
  }

  #sequence(items: readonly unknown[], path: string, close: number): void {
    this.#bytes(0x28);
    items.forEach((item, i) => this.#any(item, `${path}[${i}]`));
    this.#bytes(close);
  }

  #list(items: readonly unknown[], path: string): void {
    this.#bytes(0x5d);
    this.#sequence(items, path, 0x65);
  }

  #dict(entries: readonly (readonly [unknown, unknown])[], path: string): void {
    this.#bytes(0x7d);
    this.#items(entries, path);
  }

  #items(entries: readonly (readonly [unknown, unknown])[], path: string): void {
    this.#bytes(0x28);
    for (const [key, value] of entries) {
      this.#any(key, `${path}: key`);
      this.#any(value, `${path}.${String(key)}`);
    }
    this.#bytes(0x75);
  }

  #orderedDict(dict: OrderedDict, path: string): void {
    this.#global('collections', 'OrderedDict');
    this.#bytes(0x29, 0x52);
    if (dict.size > 0) this.#items([...dict], path);
    if (dict.attributes instanceof Map) {
      this.#any(dict.attributes, `${path} attributes`);
      this.#bytes(0x62);
    }
  }

  #tensor(array: NamedArray, path: string): void {
    const storage = STORAGES[array.dtype];
    if (!storage)
      throw new FormatError(
        `encodeTorch: ${path} is ${array.dtype}, which torch tensors cannot be; convert it to int64 or float32.`,
        { field: path },
      );
    const count = elementCount(array.shape);
    const expected = array.dtype.startsWith('complex') ? 2 * count : count;
    if (array.data.length !== expected)
      throw new FormatError(
        `encodeTorch: ${path} [${array.shape.join(', ')}] needs ${expected} numbers, came ${array.data.length}.`,
        { field: path },
      );
    let key = this.#keys.get(array.data);
    if (key === undefined || this.storages[key]!.dtype !== array.dtype) {
      key = this.storages.push(array) - 1;
      this.#keys.set(array.data, key);
    }
    const strides: number[] = [];
    array.shape.reduceRight((stride, n, axis) => ((strides[axis] = stride), stride * n), 1);
    this.#global('torch._utils', '_rebuild_tensor_v2');
    this.#bytes(0x28); // arguments
    this.#bytes(0x28); // persistent id
    this.#text('storage');
    this.#global('torch', storage);
    this.#text(String(key));
    this.#text('cpu');
    this.#int(count);
    this.#bytes(0x74, 0x51);
    this.#int(0);
    this.#sequence(array.shape, path, 0x74);
    this.#sequence(strides, path, 0x74);
    this.#bytes(0x89);
    this.#global('collections', 'OrderedDict');
    this.#bytes(0x29, 0x52, 0x74, 0x52);
  }
}
