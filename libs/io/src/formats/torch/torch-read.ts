/**
 * PyTorch checkpoints without PyTorch: the zip format (1.6 and later) and the legacy one. Nothing in the file is run; see `unpickle`.
 */
import { Zip, isZip } from '../../archives/zip.ts';
import type { NamedArray, NamedArrays } from '../../arrays/named-array.ts';
import { ARRAY_BYTES } from '../../arrays/named-array.ts';
import { FormatError } from '../../errors.ts';
import type { PickleValue } from './pickle-values.ts';
import { NumpyArray, opaqueNames, torchHooks } from './torch-calls.ts';
import { TorchTensor } from './torch-tensor.ts';
import type { TorchStorage } from './torch-tensor.ts';
import { unpickle } from './unpickle.ts';

/** What torch.save's legacy format begins with, as a pickled integer. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
/** Tensors may share storages; all arrays together may not pass this many times the file's size. */
const MOST_SHARING = 8;

/** A pickle of names and shapes is small; ten thousand epochs of curves take a few megabytes. */
const LARGEST_PICKLE = 2 ** 26;
/**
 * Instructions of its pickle: a thousand epochs of curves take a hundred thousand, eight thousand epochs of a hundred classes
 * twelve million, and come with weights to match.
 */
const mostSteps = (fileBytes: number): number => Math.min(2 ** 20 + Math.floor(fileBytes / 8), 2 ** 25);
/** PyTorch stores weights as they are; whoever packed them again saved little. */
const MOST_UNPACKED = 64;

export interface TorchFile {
  /** What was saved: Maps for dicts, arrays for lists, `TorchTensor`s inside. */
  readonly value: PickleValue;
  readonly fileBytes: number;
  readonly file: string | undefined;
}

/** Reads a checkpoint (.pth, .pt). Throws: FormatError; never runs code, never reads outside the bytes. */
export async function decodeTorch(bytes: Uint8Array, { file }: { readonly file?: string } = {}): Promise<TorchFile> {
  const storages = new Map<string, TorchStorage>();
  const value = isZip(bytes) ? await fromZip(bytes, storages, file) : fromLegacy(bytes, storages, file);
  return { value, fileBytes: bytes.length, file };
}

async function fromZip(
  bytes: Uint8Array,
  storages: Map<string, TorchStorage>,
  file: string | undefined,
): Promise<PickleValue> {
  const zip = new Zip(bytes, file);
  const record = [...zip.entries.keys()].find((name) => /^[^/]*\/data\.pkl$/.test(name));
  const place = { ...(file === undefined ? {} : { file }), byteOffset: 0 };
  if (record === undefined)
    throw new FormatError(`${file ?? 'checkpoint'}: has no data.pkl; this zip is not a PyTorch checkpoint.`, {
      ...place,
      field: 'data.pkl',
    });
  const folder = record.slice(0, -'data.pkl'.length);
  if (zip.entries.has(`${folder}constants.pkl`))
    throw new FormatError(
      `${file ?? 'checkpoint'}: is a TorchScript archive (it holds code); save the model's state_dict instead.`,
      { ...place, field: 'constants.pkl' },
    );
  const byteOrder = zip.entries.has(`${folder}byteorder`)
    ? new TextDecoder().decode(await zip.read(`${folder}byteorder`)).trim()
    : 'little';
  let left = MOST_UNPACKED * bytes.length + LARGEST_PICKLE;
  const unpacked = (name: string, most: number): Promise<Uint8Array> => {
    const { size = 0, headerOffset = 0 } = zip.entries.get(name) ?? {};
    left -= size;
    if (size > most || left < 0)
      throw new FormatError(
        `${file ?? 'checkpoint'}: "${name}" claims ${size} bytes, the whole file has ${bytes.length}; no checkpoint packs so, it is refused.`,
        { ...place, field: name, byteOffset: headerOffset },
      );
    return zip.read(name);
  };
  const { value } = unpickle(await unpacked(record, LARGEST_PICKLE), 0, {
    file,
    hooks: torchHooks(storages, file),
    mostSteps: mostSteps(bytes.length),
    fileOffset: zip.entries.get(record)!.headerOffset,
  });
  for (const storage of storages.values()) {
    storage.bytes = await unpacked(`${folder}data/${storage.key}`, Infinity);
    storage.littleEndian = byteOrder !== 'big';
  }
  return value;
}

function fromLegacy(bytes: Uint8Array, storages: Map<string, TorchStorage>, file: string | undefined): PickleValue {
  const fail = (field: string, byteOffset: number, message: string): never => {
    throw new FormatError(`${file ?? 'checkpoint'}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      field,
      byteOffset,
    });
  };
  if (bytes.length < 2 || bytes[0] !== 0x80)
    return fail(
      'magic',
      0,
      `starts with [${[...bytes.subarray(0, 4)].join(', ')}]; neither a zip nor a pickle: this is no PyTorch checkpoint.`,
    );
  const hooks = torchHooks(storages, file);
  const next = (start: number): { readonly value: PickleValue; readonly end: number } =>
    unpickle(bytes, start, { file, hooks, mostSteps: mostSteps(bytes.length) });
  const magic = next(0);
  if (magic.value !== LEGACY_MAGIC)
    return fail('magic', 0, 'is a pickle, but no PyTorch checkpoint: its magic number is missing.');
  const system = next(next(magic.end).end);
  const littleEndian = !(system.value instanceof Map && system.value.get('little_endian') === false);
  const object = next(system.end);
  const keys = next(object.end);
  let at = keys.end;
  for (const key of Array.isArray(keys.value) ? keys.value : []) {
    const storage = storages.get(String(key));
    if (!storage?.dtype)
      return fail('storages', at, `storage ${String(key)} follows the pickle, but no tensor uses it.`);
    if (at + 8 > bytes.length)
      return fail('storages', at, `storage ${storage.key} is missing; the file is incomplete.`);
    const count = Number(new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigInt64(0, littleEndian));
    const end = at + 8 + count * ARRAY_BYTES[storage.dtype];
    if (!(count >= 0 && end <= bytes.length))
      return fail(
        'storages',
        at,
        `storage ${storage.key} claims ${count} elements; the file ends at byte ${bytes.length}.`,
      );
    storage.bytes = bytes.subarray(at + 8, end);
    storage.littleEndian = littleEndian;
    at = end;
  }
  return object.value;
}

/** Where checkpoints of nnU-Net, MONAI, Lightning and plain trainers keep the weights. */
const WRAPPERS = ['network_weights', 'state_dict', 'model', 'model_state_dict', 'net'];

/**
 * The weights of a checkpoint by name: a state dict at the top, or under one of the usual keys. Prefixes that wrappers leave
 * ('module.', '_orig_mod.') are taken off when every name has them.
 *
 * Throws: FormatError if there are none, or if one of them is an object that would need code to be run (named).
 */
export function torchArrays({ value, fileBytes, file }: TorchFile, key?: string): NamedArrays {
  const dict = stateDict(value, file, key);
  let total = 0;
  const arrays = new Map<string, NamedArray>();
  for (const [name, tensor] of dict) {
    if (typeof name !== 'string') continue;
    if (tensor instanceof NumpyArray && tensor.array) {
      arrays.set(name, tensor.array);
      continue;
    }
    if (!(tensor instanceof TorchTensor)) {
      if (tensor === null || typeof tensor !== 'object') continue; // counters and flags beside the weights
      return refuse(file, name, opaqueNames(tensor));
    }
    total += tensor.byteLength;
    if (total > MOST_SHARING * fileBytes + (1 << 20))
      throw new FormatError(
        `${file ?? 'checkpoint'}: its tensors claim ${total} bytes and more, the file has ${fileBytes}; refused.`,
        { ...(file === undefined ? {} : { file }), field: name, byteOffset: 0 },
      );
    arrays.set(name, tensor.toArray(name, file));
  }
  return withoutPrefix(arrays);
}

function refuse(file: string | undefined, field: string, names: readonly string[]): never {
  throw new FormatError(
    `${file ?? 'checkpoint'}: "${field}" is ${names.length > 0 ? `an object of ${names.join(', ')}` : 'no tensor'}; code is never run. Save a plain state_dict of tensors.`,
    { ...(file === undefined ? {} : { file }), field, byteOffset: 0, details: { globals: names } },
  );
}

function stateDict(
  value: PickleValue,
  file: string | undefined,
  key: string | undefined,
): ReadonlyMap<PickleValue, PickleValue> {
  if (!(value instanceof Map)) return refuse(file, 'the checkpoint', opaqueNames(value));
  const keys = key === undefined ? WRAPPERS : [key];
  for (const k of keys) {
    const inner = value.get(k);
    if (inner instanceof Map) return inner;
    if (inner !== undefined && (key !== undefined || opaqueNames(inner).length > 0))
      return refuse(file, k, opaqueNames(inner));
  }
  if (key === undefined && [...value.values()].some((v) => v instanceof TorchTensor || v instanceof NumpyArray))
    return value;
  throw new FormatError(
    `${file ?? 'checkpoint'}: holds no weights under ${keys.join(', ')} or at the top; its keys are ${[...value.keys()].slice(0, 12).map(String).join(', ')}.`,
    {
      ...(file === undefined ? {} : { file }),
      field: key ?? 'state_dict',
      byteOffset: 0,
    },
  );
}

function withoutPrefix(arrays: Map<string, NamedArray>): NamedArrays {
  for (const prefix of ['module.', '_orig_mod.'])
    if (arrays.size > 0 && [...arrays.keys()].every((name) => name.startsWith(prefix)))
      return withoutPrefix(new Map([...arrays].map(([name, a]) => [name.slice(prefix.length), a])));
  return arrays;
}
