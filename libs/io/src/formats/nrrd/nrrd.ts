/** NRRD and seg.nrrd: reading attached and detached files, writing attached ones. */
import type { Volume } from '@voxelwise/volume';
import { voxelCount } from '@voxelwise/volume';
import { ByteStream } from '../../bytes/byte-stream.ts';
import { collect } from '../../bytes/collect.ts';
import { deflate } from '../../bytes/deflate.ts';
import { UnpackedSource } from '../../bytes/unpacked-source.ts';
import { FormatError } from '../../errors.ts';
import { castVoxels, littleEndianBytes } from '../../voxels/cast-voxels.ts';
import { STORED_BYTES, newVoxels, bytesOf, voxelTypeOf } from '../../voxels/stored-type.ts';
import type { VoxelType } from '../../voxels/stored-type.ts';
import { checkBlock, storedBytes } from '../../voxels/voxel-block.ts';
import type { VoxelBlock } from '../../voxels/voxel-block.ts';
import type { DecodeOptions, EncodeOptions, EncodedFile, Segment, VolumeFormat } from '../format.ts';
import { blockCapacity, finishBlock, openBlock } from '../packed-block.ts';
import type { BlockPlace } from '../packed-block.ts';
import { lpsAxes, placeGrid } from '../place-grid.ts';
import { rawReader } from '../raw-reader.ts';
import { MOST_NRRD_HEADER_BYTES, isNrrd, parseNrrdHeader } from './nrrd-header.ts';
import type { NrrdHeader } from './nrrd-header.ts';

export const nrrd: VolumeFormat = {
  name: 'nrrd',
  endings: ['.nrrd', '.seg.nrrd', '.nhdr'],
  recognises: (head, name) => isNrrd(head) || /\.(nrrd|nhdr)$/.test(name),

  async open(source, options) {
    const file = source.name;
    const unpacked = await UnpackedSource.open(source);
    const header = parseNrrdHeader(await unpacked.head(MOST_NRRD_HEADER_BYTES), file);
    const data = header.dataFile === undefined ? unpacked : await detached(header.dataFile, file, options);
    const { block, spatial } = layout(header, file);
    const offset =
      header.byteSkip === -1
        ? data.available - storedBytes(block)
        : (header.dataFile === undefined ? header.dataOffset : 0) + header.byteSkip;
    const place: BlockPlace = {
      source: data,
      offset: Math.max(0, offset),
      packing: header.encoding === 'raw' || header.encoding === 'ascii' ? undefined : header.encoding,
    };
    // a number in text takes two bytes at least
    const capacity =
      header.encoding === 'ascii'
        ? (data.available * STORED_BYTES[block.type]) / 2 + STORED_BYTES[block.type]
        : blockCapacity(place);
    checkBlock(block, capacity, { file, maxBytes: options.maxBytes, byteOffset: 0 });
    const steps = completeAxes(spatial.map((axis) => header.directions[axis]!.map((v, row) => v * header.toLps[row]!)));
    const { grid, warnings } = placeGrid(
      [...spatial.map((axis) => header.sizes[axis]!), 1, 1].slice(0, 3),
      steps,
      header.origin.map((v, row) => v * header.toLps[row]!),
      'LPS',
      { file, shear: options.shear, field: 'space directions' },
    );
    const segments = segmentsOf(header.pairs);
    return rawReader(
      {
        grid,
        kind: segments.length > 0 && block.components * block.volumes === 1 ? 'labels' : 'intensity',
        block,
        source: {
          format: 'nrrd',
          variant: segments.length > 0 ? 'seg.nrrd' : 'nrrd',
          storedType: block.type,
          dimensions: header.sizes.length,
          slope: 1,
          inter: 0,
          warnings,
          ...(segments.length > 0 ? { segments } : {}),
        },
        open: () => (header.encoding === 'ascii' ? openText(place, block, file) : openBlock(place)),
        finish: (stream) => (header.encoding === 'ascii' ? stream.close() : finishBlock(place, stream)),
      },
      { ...options, ...(file === undefined ? {} : { fileName: file }) },
    );
  },

  encode: encodeNrrd,
};

async function detached(name: string, file: string | undefined, options: DecodeOptions): Promise<UnpackedSource> {
  const place = { ...(file === undefined ? {} : { file }), field: 'data file', byteOffset: 0 };
  if (/^LIST|%/.test(name) || /[/\\]/.test(name.replace(/^\.[/\\]/, '')))
    throw new FormatError(
      `${file ?? 'nrrd'}: the data file "${name}" is a list or lies in another folder; put one data file beside the header.`,
      place,
    );
  const found = await options.companions?.(name.replace(/^\.[/\\]/, ''));
  if (!found) throw new FormatError(`${file ?? 'nrrd'}: its data file ${name} is missing.`, place);
  return UnpackedSource.open(found);
}

/** Which axes are space, and how the others become channels: in front they are interleaved, behind they are volumes. */
function layout(
  header: NrrdHeader,
  file: string | undefined,
): { readonly block: VoxelBlock; readonly spatial: readonly number[] } {
  const spatial = header.directions.flatMap((d, axis) => (d === undefined ? [] : [axis]));
  const contiguous = spatial.every((axis, i) => i === 0 || axis === spatial[i - 1]! + 1);
  if (spatial.length < 1 || spatial.length > 3 || !contiguous)
    throw new FormatError(
      `${file ?? 'nrrd'}: ${spatial.length} axes lie in space; 1 to 3 neighboring ones were expected.`,
      { ...(file === undefined ? {} : { file }), field: 'space directions', byteOffset: 0 },
    );
  const product = (sizes: readonly number[]): number => sizes.reduce((p, n) => p * n, 1);
  const sizes = [...spatial.map((axis) => header.sizes[axis]!), 1, 1];
  return {
    spatial,
    block: {
      type: header.type,
      littleEndian: header.littleEndian,
      shape: [sizes[2]!, sizes[1]!, sizes[0]!],
      components: product(header.sizes.slice(0, spatial[0])),
      volumes: product(header.sizes.slice(spatial[spatial.length - 1]! + 1)),
      slope: 1,
      inter: 0,
    },
  };
}

/** One or two axes in space get the others at right angles, 1 mm apart. */
function completeAxes(steps: readonly (readonly number[])[]): readonly (readonly number[])[] {
  if (steps.length === 3) return steps;
  const [a, b] = [steps[0]!, steps[1] ?? (Math.abs(steps[0]![0]!) > Math.abs(steps[0]![1]!) ? [0, 1, 0] : [1, 0, 0])];
  const cross = [a[1]! * b[2]! - a[2]! * b[1]!, a[2]! * b[0]! - a[0]! * b[2]!, a[0]! * b[1]! - a[1]! * b[0]!];
  const length = Math.hypot(...cross);
  return [a, b, cross.map((v) => v / length)];
}

/** Text numbers as if they had been raw. */
async function openText(place: BlockPlace, block: VoxelBlock, file: string | undefined): Promise<ByteStream> {
  const stream = await place.source.streamAt(place.offset, 'voxels');
  const text = new TextDecoder().decode(await collect(stream.rest()));
  const wanted = storedBytes(block) / STORED_BYTES[block.type];
  const type: VoxelType =
    block.type === 'int64' ||
    block.type === 'uint64' ||
    !(block.type in { int8: 1, uint8: 1, int16: 1, uint16: 1, int32: 1, uint32: 1, float32: 1, float64: 1 })
      ? 'float64'
      : (block.type as VoxelType);
  if (type !== block.type)
    throw new FormatError(`${file ?? 'nrrd'}: ${block.type} in text is not read.`, {
      ...(file === undefined ? {} : { file }),
      field: 'type',
      byteOffset: 0,
    });
  const words = text.split(/[\s,]+/).filter((w) => w !== '');
  if (words.length < wanted)
    throw new FormatError(`${file ?? 'nrrd'}: ${wanted} numbers were expected, ${words.length} are there.`, {
      ...(file === undefined ? {} : { file }),
      field: 'voxels',
      byteOffset: place.offset,
    });
  const numbers = newVoxels(type, wanted);
  for (let i = 0; i < wanted; i++) {
    const value = Number(words[i]);
    if (Number.isNaN(value) && !/^nan$/i.test(words[i]!))
      throw new FormatError(`${file ?? 'nrrd'}: "${words[i]!.slice(0, 20)}" is no number.`, {
        ...(file === undefined ? {} : { file }),
        field: 'voxels',
        byteOffset: place.offset,
      });
    numbers[i] = value;
  }
  return new ByteStream(
    (async function* () {
      yield bytesOf(numbers);
    })(),
    file,
  );
}

function segmentsOf(pairs: ReadonlyMap<string, string>): readonly Segment[] {
  const found: Segment[] = [];
  for (const [key, value] of pairs) {
    const index = /^Segment(\d+)_LabelValue$/.exec(key)?.[1];
    if (index === undefined) continue;
    found.push({
      name: pairs.get(`Segment${index}_Name`) ?? `Segment_${index}`,
      value: Number(value),
      channel: Number(pairs.get(`Segment${index}_Layer`) ?? 0),
    });
  }
  return found;
}

const TYPE_NAMES: Readonly<Record<VoxelType, string>> = {
  int8: 'int8',
  uint8: 'uint8',
  int16: 'int16',
  uint16: 'uint16',
  int32: 'int32',
  uint32: 'uint32',
  float32: 'float',
  float64: 'double',
};

function encodeNrrd(
  volume: Volume,
  ending: string,
  { dtype, compress = true, level = 1, segments = [] }: EncodeOptions,
): readonly EncodedFile[] {
  if (ending === '.nhdr')
    throw new FormatError('encodeVolume: detached NRRD headers are read, not written; use .nrrd.', { field: 'format' });
  const voxels = castVoxels(volume.voxels, dtype ?? voxelTypeOf(volume.voxels));
  const [z, y, x] = volume.grid.shape;
  const channels = voxels.length / voxelCount(volume.grid.shape);
  const { steps, origin } = lpsAxes(volume.grid);
  const vector = (v: readonly number[]): string => `(${v.join(',')})`;
  const many = channels > 1;
  const lines = [
    'NRRD0004',
    '# written by voxelwise',
    `type: ${TYPE_NAMES[voxelTypeOf(voxels)]}`,
    `dimension: ${many ? 4 : 3}`,
    'space: left-posterior-superior',
    `sizes: ${x} ${y} ${z}${many ? ` ${channels}` : ''}`,
    `space directions: ${steps.map(vector).join(' ')}${many ? ' none' : ''}`,
    `kinds: domain domain domain${many ? ' list' : ''}`,
    'endian: little',
    `encoding: ${compress ? 'gzip' : 'raw'}`,
    `space origin: ${vector(origin)}`,
    ...(ending === '.seg.nrrd' ? segmentLines() : []),
  ];
  const head = new TextEncoder().encode(`${lines.join('\n')}\n\n`);
  const bytes = littleEndianBytes(voxels);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield head;
    yield* compress ? deflate(bytes, 'gzip', { level }) : bytes;
  }
  return [{ ending, chunks: chunks() }];

  function segmentLines(): readonly string[] {
    const named =
      segments.length > 0
        ? segments
        : [...new Set(voxels as Iterable<number>)]
            .filter((v) => v !== 0)
            .sort((a, b) => a - b)
            .map((value) => ({ name: `Segment_${value}`, value }));
    return named.flatMap(({ name, value }, i) => [
      `Segment${i}_ID:=Segment_${value}`,
      `Segment${i}_LabelValue:=${value}`,
      `Segment${i}_Layer:=0`,
      `Segment${i}_Name:=${name.replace(/[\r\n]/g, ' ')}`,
    ]);
  }
}
