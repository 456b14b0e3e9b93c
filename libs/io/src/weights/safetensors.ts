/**
 * safetensors: named arrays in one file, a JSON header in front. Nothing in it can be executed.
 * Source: huggingface/safetensors, format description.
 */
import { FormatError } from '../errors.ts';
import { halfToNumber } from '../voxels/stored-type.ts';

const WIDTHS = {
  F64: 8,
  F32: 4,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
  F16: 2,
  BF16: 2,
} as const;
export type SafetensorsType = keyof typeof WIDTHS;

/** A named array: numbers in row-major order. */
export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data:
    Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint32Array | Uint16Array | Uint8Array;
}

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const TYPES = {
  F64: Float64Array,
  F32: Float32Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
} as const;
/** The format allows a header of 100 MB; ours are some kilobytes. */
const MOST_HEADER = 100_000_000;

/** Writes arrays in the order of the map, each aligned to 8 bytes from the start of the data. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, NamedTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let end = 0;
  const placed = Array.from(tensors, ([name, { shape, data }]) => {
    const dtype = Object.entries(TYPES).find(([, Kind]) => data instanceof Kind)![0];
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
    return { data, offset: end - data.byteLength };
  });
  let text = JSON.stringify(header);
  const bytesOfText = new TextEncoder().encode(text).length;
  text += ' '.repeat((8 - (bytesOfText % 8)) % 8);
  const head = new TextEncoder().encode(text);
  const file = new Uint8Array(8 + head.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  for (const { data, offset } of placed)
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8 + head.length + offset);
  return file;
}

/**
 * Reads a file. Half precision comes as Float32Array, BOOL as Uint8Array, 64-bit integers as Float64Array.
 *
 * Throws: FormatError with the byte where the file stops making sense: a header that is no JSON, ranges that overlap the
 * end or disagree with the shape, an unknown type.
 */
export function decodeSafetensors(bytes: Uint8Array, name = 'safetensors'): Safetensors {
  const fail = (message: string, byteOffset: number, field = 'header'): never => {
    throw new FormatError(`${name}: ${message}`, { file: name, field, byteOffset });
  };
  // A Buffer's slice would share memory: arrays need their own, aligned.
  const copy = (from: number, to: number): Uint8Array<ArrayBuffer> => new Uint8Array(bytes.subarray(from, to));
  if (bytes.length < 8)
    fail(`ends at byte ${bytes.length}; a safetensors file starts with 8 bytes of length.`, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > MOST_HEADER || 8 + length > bytes.length)
    fail(
      `claims a header of ${length} bytes, the file has ${bytes.length}; it is no safetensors file, or was cut short.`,
      0,
    );
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length))) as Record<
      string,
      unknown
    >;
  } catch (cause) {
    throw new FormatError(
      `${name}: the header is not JSON.`,
      { file: name, field: 'header', byteOffset: 8 },
      { cause },
    );
  }
  const tensors = new Map<string, NamedTensor>();
  const spans: (readonly [number, number, string])[] = [];
  if (typeof header !== 'object' || header === null || Array.isArray(header)) fail('the header is no JSON object.', 8);
  for (const [key, row] of Object.entries(header)) {
    if (key === '__metadata__') continue;
    const {
      dtype,
      shape,
      data_offsets: range,
    } = (row ?? {}) as { dtype?: string; shape?: number[]; data_offsets?: number[] };
    const [from, to] = Array.isArray(range) ? range : [];
    const whole = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
    if (
      !Array.isArray(shape) ||
      !shape.every(whole) ||
      !whole(from) ||
      !whole(to) ||
      to < from ||
      8 + length + to > bytes.length
    )
      return fail(
        `${key} claims bytes ${String(from)} to ${String(to)} of ${bytes.length - 8 - length}; the file was cut short or is damaged.`,
        8 + length,
        key,
      );
    spans.push([from, to, key]);
    tensors.set(key, {
      shape,
      data: numbers(copy(8 + length + from, 8 + length + to), String(dtype), shape, (message) =>
        fail(`${key} ${message}`, 8 + length + from, key),
      ),
    });
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  spans.forEach(([from, , key], i) => {
    // arrays that share bytes would let a small file claim any amount of memory
    if (i > 0 && from < spans[i - 1]![1]) fail(`${key} overlaps ${spans[i - 1]![2]}.`, 8 + length + from, key);
  });
  return { tensors, metadata: (header['__metadata__'] ?? {}) as Record<string, string> };
}

function numbers(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: string,
  shape: readonly number[],
  fail: (message: string) => never,
): NamedTensor['data'] {
  const count = shape.reduce((product, n) => product * n, 1);
  const width = WIDTHS[dtype as SafetensorsType];
  if (!Object.hasOwn(WIDTHS, dtype)) return fail(`has the type ${dtype}; known are ${Object.keys(WIDTHS).join(', ')}.`);
  if (bytes.length !== count * width)
    return fail(
      `has shape [${shape.join(', ')}] of ${dtype}, which is ${count * width} bytes, but holds ${bytes.length}.`,
    );
  if (dtype === 'BOOL') return bytes;
  if (dtype === 'I64') return Float64Array.from(new BigInt64Array(bytes.buffer), Number);
  if (dtype === 'U64') return Float64Array.from(new BigUint64Array(bytes.buffer), Number);
  if (dtype === 'F16') return Float32Array.from(new Uint16Array(bytes.buffer), halfToNumber);
  if (dtype === 'BF16')
    return new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (bits) => bits << 16).buffer);
  return new TYPES[dtype as keyof typeof TYPES](bytes.buffer);
}
