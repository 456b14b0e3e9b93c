/** .npy and .npz as images: arrays [z, y, x], [C, z, y, x] or [y, x]; an .npz may carry `spacing` (z, y, x) or `affine`. */
import { voxelCount } from '@voxelwise/volume';
import type { Grid, PerAxis, Volume, VoxelArray } from '@voxelwise/volume';
import { encodeNpy, npzChunks, isNpy, parseNpyHeader, decodeNpy, decodeNpz } from './npy.ts';
import type { NamedArray } from '../../arrays/named-array.ts';
import { isZip } from '../../archives/zip.ts';
import { UnpackedSource } from '../../bytes/unpacked-source.ts';
import { FormatError } from '../../errors.ts';
import { castVoxels } from '../../voxels/cast-voxels.ts';
import { newVoxels, voxelTypeOf } from '../../voxels/stored-type.ts';
import type { StoredType } from '../../voxels/stored-type.ts';
import type { DecodeOptions, DecodedVolume, EncodeOptions, VolumeFormat } from '../format.ts';
import { imageGrid } from '../place-grid.ts';
import { wholeReader } from '../raw-reader.ts';

/** Where an .npz keeps its image: ours, nnU-Net's, numpy.savez's own name. */
const KEYS = ['voxels', 'data', 'probabilities', 'softmax', 'image', 'arr_0'];

export const npy: VolumeFormat = {
  name: 'npy',
  endings: ['.npy'],
  recognises: (head, name) => isNpy(head) || name.endsWith('.npy'),
  async open(source, options) {
    const unpacked = await UnpackedSource.open(source);
    const header = parseNpyHeader(await unpacked.head(4096), source.name);
    const bytes = await readAll(
      unpacked,
      options,
      header.shape.reduce((p, n) => p * n, 16),
    );
    return wholeReader(
      asVolume(decodeNpy(bytes, source.name === undefined ? {} : { file: source.name }), undefined, 'npy', {
        ...options,
        ...(source.name === undefined ? {} : { fileName: source.name }),
      }),
    );
  },
  encode: (volume, ending, options) => [
    { ending, chunks: once(() => Promise.resolve(encodeNpy(arrayOf(volume, options)))) },
  ],
};

export const npz: VolumeFormat = {
  name: 'npz',
  endings: ['.npz'],
  recognises: (head, name) => name.endsWith('.npz') || (isZip(head) && name === ''),
  async open(source, options) {
    const bytes = await source.read(0, source.size);
    const arrays = await decodeNpz(bytes, source.name === undefined ? {} : { file: source.name });
    const key = KEYS.find((k) => arrays.has(k)) ?? (arrays.size === 1 ? [...arrays.keys()][0]! : undefined);
    if (key === undefined)
      throw new FormatError(
        `${source.name ?? 'npz'}: which array is the image? It holds ${[...arrays.keys()].join(', ') || 'none'}; name it ${KEYS.join(', ')}.`,
        { ...(source.name === undefined ? {} : { file: source.name }), field: 'entries', byteOffset: 0 },
      );
    return wholeReader(
      asVolume(arrays.get(key)!, arrays, 'npz', {
        ...options,
        ...(source.name === undefined ? {} : { fileName: source.name }),
      }),
    );
  },
  encode: (volume, ending, options) => [
    {
      ending,
      chunks: npzChunks(
        new Map<string, NamedArray>([
          ['voxels', arrayOf(volume, options)],
          ['affine', { dtype: 'float64', shape: [4, 4], data: volume.grid.affine }],
        ]),
        { compress: options.compress ?? true },
      ),
    },
  ],
};

async function* once(make: () => Promise<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield await make();
}

async function readAll(
  source: UnpackedSource,
  { maxBytes = Infinity }: DecodeOptions,
  justified: number,
): Promise<Uint8Array> {
  const limit = Math.min(maxBytes, source.available, 65536 + 16 * justified);
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of source.streamFrom().rest()) {
    total += chunk.length;
    if (total > limit)
      throw new FormatError(
        `${source.name ?? 'npy'}: holds more than the ${limit} bytes that its header or the limit allows.`,
        { ...(source.name === undefined ? {} : { file: source.name }), field: 'data', byteOffset: total },
      );
    parts.push(chunk);
  }
  const whole = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function arrayOf(volume: Volume, { dtype }: EncodeOptions): NamedArray {
  const voxels = castVoxels(volume.voxels, dtype ?? voxelTypeOf(volume.voxels));
  const channels = voxels.length / voxelCount(volume.grid.shape);
  return {
    dtype: voxelTypeOf(voxels),
    shape: channels > 1 ? [channels, ...volume.grid.shape] : [...volume.grid.shape],
    data: voxels,
  };
}

function asVolume(
  array: NamedArray,
  others: ReadonlyMap<string, NamedArray> | undefined,
  variant: string,
  options: DecodeOptions,
): DecodedVolume {
  const file = options.fileName;
  const fail = (field: string, message: string): never => {
    throw new FormatError(`${file ?? variant}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      field,
      byteOffset: 0,
    });
  };
  const { shape, dtype } = array;
  if (shape.length < 2 || shape.length > 4 || shape.some((n) => n < 1))
    return fail(
      'shape',
      `an image has the shape [y, x], [z, y, x] or [C, z, y, x]; this array is [${shape.join(', ')}].`,
    );
  if (dtype.startsWith('complex') || dtype === 'bfloat16')
    return fail('descr', `holds ${dtype} numbers, which are no voxels; save their magnitude.`);
  const spatial = [1, ...shape].slice(-3) as unknown as PerAxis;
  const count = shape.length === 4 ? shape[0]! : 1;
  const channels = options.channels ?? Array.from({ length: count }, (_, i) => String(i));
  const kind = options.kind ?? 'intensity';
  if (channels.length !== count || (kind === 'labels' && count !== 1))
    return fail(
      'shape',
      `has ${count} channel(s), ${kind === 'labels' ? 'a label image has one' : `${channels.length} were named`}.`,
    );
  return {
    grid: gridOf(spatial, others, fail),
    kind,
    channels,
    voxels: voxelsOf(array),
    source: {
      format: variant,
      variant,
      storedType: dtype as StoredType,
      dimensions: shape.length,
      slope: 1,
      inter: 0,
      warnings: [],
    },
  };
}

function gridOf(
  shape: PerAxis,
  others: ReadonlyMap<string, NamedArray> | undefined,
  fail: (field: string, message: string) => never,
): Grid {
  const affine = others?.get('affine');
  if (affine) {
    const values = Float64Array.from(affine.data as Float64Array, Number);
    if (values.length !== 16 || !values.every(Number.isFinite))
      return fail('affine', 'the affine is not 4x4 finite numbers.');
    return { shape, affine: values };
  }
  const spacing = others?.get('spacing');
  if (!spacing) return imageGrid(shape);
  const mm = Array.from(spacing.data as Float64Array, Number);
  if (mm.length !== 3 || !mm.every((v) => Number.isFinite(v) && v > 0))
    return fail('spacing', `spacing is [${mm.join(', ')}]; three positive millimetres (z, y, x) were expected.`);
  return imageGrid(shape, mm as unknown as PerAxis);
}

function voxelsOf({ data, dtype }: NamedArray): VoxelArray {
  if (!(data instanceof BigInt64Array || data instanceof BigUint64Array)) return data as VoxelArray;
  const numbers = newVoxels('float64', data.length);
  for (let i = 0; i < data.length; i++) numbers[i] = Number(data[i]);
  const fits = dtype === 'int64' && numbers.every((v) => v === (v | 0));
  return fits ? Int32Array.from(numbers) : numbers;
}
