/** NumPy's .npy and .npz: one array, or a zip of them. Source: numpy.lib.format, versions 1 to 3. */
import { ARRAY_BYTES, arrayBytes, arrayData, elementCount } from '../../arrays/named-array.ts';
import type { ArrayData, ArrayType, NamedArray, NamedArrays } from '../../arrays/named-array.ts';
import { Zip, zipChunks } from '../../archives/zip.ts';
import { ZipSource } from '../../archives/zip-source.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { ByteStream } from '../../bytes/byte-stream.ts';
import { collect, concatenate, inSteps } from '../../bytes/collect.ts';
import { FormatError } from '../../errors.ts';

const TYPES: Readonly<Record<string, ArrayType>> = {
  b1: 'bool',
  i1: 'int8',
  u1: 'uint8',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  c8: 'complex64',
  c16: 'complex128',
};
const CODES = Object.fromEntries(Object.entries(TYPES).map(([code, type]) => [type, code]));
const MOST_AXES = 64;
/** Where the numbers of any array of MOST_AXES axes have begun. */
const MOST_HEADER_BYTES = 1 << 14;

/** A type as NumPy writes it, "<f4"; undefined for those that are not read (structures, objects, texts). */
export function parseNumpyType(text: string): { dtype: ArrayType; littleEndian: boolean } | undefined {
  const match = /^([<>|=])([a-zA-Z]\d+)$/.exec(text);
  const dtype = match ? TYPES[match[2]!] : undefined;
  return dtype && { dtype, littleEndian: match![1] !== '>' };
}

/** The same the other way, low byte first. Throws: FormatError for what NumPy does not have. */
export function numpyType(dtype: ArrayType): string {
  const code = CODES[dtype];
  if (!code) throw new FormatError(`NumPy has no ${dtype}; convert the array to float32.`, { field: 'dtype' });
  return `${ARRAY_BYTES[dtype] === 1 ? '|' : '<'}${code}`;
}

export interface NpyHeader {
  readonly dtype: ArrayType;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  readonly dataOffset: number;
}

export function isNpy(head: Uint8Array): boolean {
  return head.length >= 8 && [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59].every((b, i) => head[i] === b);
}

/** Reads the header; the bytes need not reach further. Throws: FormatError. Object arrays (pickles) are refused. */
export function parseNpyHeader(bytes: Uint8Array, file?: string): NpyHeader {
  const fail = (field: string, byteOffset: number, message: string): never => {
    throw new FormatError(`${file ?? 'npy'}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      field,
      byteOffset,
    });
  };
  if (!isNpy(bytes) || bytes.length < 12)
    return fail('magic', 0, "does not begin with NumPy's magic number; this is no .npy file.");
  const version = bytes[6]!;
  if (version < 1 || version > 3) return fail('version', 6, `version ${version} is unknown; 1 to 3 are read.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > bytes.length)
    return fail('header', bytes.length, `the header takes ${length} bytes, the file ends at byte ${bytes.length}.`);
  const text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(
    bytes.subarray(start, start + Math.min(length, 1 << 16)),
  );
  const descr = /'descr'\s*:\s*'([<>|=][a-zA-Z]\d+)'/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const shape = /'shape'\s*:\s*\(([\d\sL,]*)\)/.exec(text);
  if (!descr || !order || !shape)
    return fail(
      'header',
      start,
      `the header is not understood: ${text.slice(0, 120).trim()} (structured and object arrays are not read).`,
    );
  const type = parseNumpyType(descr[1]!);
  if (!type)
    return fail('descr', start, `the type "${descr[1]}" is not read; known are ${Object.keys(TYPES).join(', ')}.`);
  const sizes = shape[1]!
    .split(',')
    .map((s) => s.replace('L', '').trim())
    .filter((s) => s !== '')
    .map(Number);
  if (sizes.length > MOST_AXES || !sizes.every(Number.isSafeInteger))
    return fail('shape', start, `the shape (${shape[1]}) is no list of at most ${MOST_AXES} sizes.`);
  return {
    ...type,
    fortranOrder: order[1] === 'True',
    shape: sizes,
    dataOffset: start + length,
  };
}

/** Throws: FormatError. */
export function decodeNpy(bytes: Uint8Array, { file }: { readonly file?: string } = {}): NamedArray {
  const { dtype, littleEndian, fortranOrder, shape, dataOffset } = parseNpyHeader(bytes, file);
  const needed = elementCount(shape) * ARRAY_BYTES[dtype];
  if (dataOffset + needed > bytes.length)
    throw new FormatError(
      `${file ?? 'npy'}: [${shape.join(', ')}] ${dtype} takes ${needed} bytes from byte ${dataOffset}, the file ends at byte ${bytes.length}; it is incomplete.`,
      {
        ...(file === undefined ? {} : { file }),
        field: 'data',
        byteOffset: bytes.length,
      },
    );
  const data = arrayData(dtype, bytes.subarray(dataOffset, dataOffset + needed), littleEndian);
  const perElement = dtype.startsWith('complex') ? 2 : 1;
  return { dtype, shape, data: fortranOrder && shape.length > 1 ? toCOrder(data, shape, perElement) : data };
}

export function toCOrder(data: ArrayData, shape: readonly number[], perElement: number): ArrayData {
  const out = data.slice() as ArrayData;
  const strides: number[] = [];
  shape.reduce((stride, n, axis) => ((strides[axis] = stride), stride * n), 1);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < data.length / perElement; to++) {
    for (let p = 0; p < perElement; p++) out[to * perElement + p] = data[from * perElement + p]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** Version 1, C order. */
export function encodeNpy(array: NamedArray): Uint8Array {
  return concatenate([npyHeader(array), arrayBytes(array)]);
}

function npyHeader(array: Pick<NamedArray, 'dtype' | 'shape'>): Uint8Array {
  const shape = `(${array.shape.join(', ')}${array.shape.length === 1 ? ',' : ''})`;
  const text = `{'descr': '${numpyType(array.dtype)}', 'fortran_order': False, 'shape': ${shape}, }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const head = new Uint8Array(length).fill(0x20);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(head.buffer).setUint16(8, length - 10, true);
  head.set(new TextEncoder().encode(text), 10);
  head[length - 1] = 0x0a;
  return head;
}

/** All arrays of an .npz, by name without '.npy'. Throws: FormatError. */
export async function decodeNpz(bytes: Uint8Array, { file }: { readonly file?: string } = {}): Promise<NamedArrays> {
  const zip = new Zip(bytes, file);
  const arrays = new Map<string, NamedArray>();
  for (const name of zip.entries.keys()) {
    if (!name.endsWith('.npy')) continue;
    arrays.set(name.slice(0, -4), decodeNpy(await zip.read(name), { file: `${file ?? 'npz'}:${name}` }));
  }
  return arrays;
}

/** An .npz as numpy.savez_compressed writes it. */
export function encodeNpz(arrays: NamedArrays, options: { readonly compress?: boolean } = {}): Promise<Uint8Array> {
  return collect(npzChunks(arrays, options));
}

/** The same in chunks; it may pass 4 GiB. */
export function npzChunks(
  arrays: NamedArrays,
  { compress = true }: { readonly compress?: boolean } = {},
): AsyncGenerator<Uint8Array> {
  const files = [...arrays].map(([name, array]) => ({ name: `${name}.npy`, bytes: encodeNpy(array) }));
  return zipChunks(files, { compress });
}

/** An array that comes piece by piece, in C order: larger than memory, perhaps. */
export interface StreamedArray {
  readonly name: string;
  readonly dtype: ArrayType;
  readonly shape: readonly number[];
  readonly pieces: AsyncIterable<ArrayData>;
}

/** An .npz of one streamed array, deflated, in chunks; it may pass 4 GiB. Throws: FormatError if the pieces do not fill the shape. */
export function streamNpz({ name, dtype, shape, pieces }: StreamedArray): AsyncGenerator<Uint8Array> {
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield npyHeader({ dtype, shape });
    let count = 0;
    for await (const data of pieces) {
      count += data.length;
      yield* inSteps(arrayBytes({ dtype, shape: [data.length], data }));
    }
    if (count !== elementCount(shape))
      throw new FormatError(`npz: [${shape.join(', ')}] takes ${elementCount(shape)} numbers, came ${count}.`, {
        field: 'data',
      });
  };
  return zipChunks([{ name: `${name}.npy`, chunks: chunks() }], { compress: true });
}

/** An array of an .npz, read in pieces. */
export interface NpzArray extends Pick<NpyHeader, 'dtype' | 'shape' | 'fortranOrder'> {
  /** Pieces of `count` numbers, the last perhaps fewer, in the order of the file. Throws: FormatError for damaged files. */
  pieces(count: number): AsyncGenerator<ArrayData>;
}

/** An array of an archive by its first name that is there, or undefined. Throws: FormatError. */
export async function openNpz(source: ByteSource, names: readonly string[]): Promise<NpzArray | undefined> {
  const zip = await ZipSource.open(source);
  const entry = names.map((name) => `${name}.npy`).find((name) => zip.entries.has(name));
  if (entry === undefined) return undefined;
  const place = `${source.name ?? 'npz'}:${entry}`;
  const first = new ByteStream(zip.chunks(entry), place);
  const head = new Uint8Array(Math.min(MOST_HEADER_BYTES, zip.entries.get(entry)!.size));
  await first.fill(head);
  await first.close();
  const { dataOffset, littleEndian, ...header } = parseNpyHeader(head, place);
  const unit = ARRAY_BYTES[header.dtype];
  const total = elementCount(header.shape);
  return {
    ...header,
    async *pieces(count) {
      const stream = new ByteStream(zip.chunks(entry), place);
      try {
        await stream.skip(dataOffset, 'header');
        for (let done = 0; done < total; done += count) {
          const bytes = new Uint8Array(unit * Math.min(count, total - done));
          if ((await stream.fill(bytes)) < bytes.length)
            throw new FormatError(`${place}: ends before its ${total} numbers do; it is incomplete.`, {
              field: 'data',
              byteOffset: stream.position,
            });
          yield arrayData(header.dtype, bytes, littleEndian);
        }
        await stream.drain(0);
      } finally {
        await stream.close();
      }
    },
  };
}
