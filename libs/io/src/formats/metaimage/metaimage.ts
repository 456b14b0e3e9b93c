/** MetaImage: .mha in one file, .mhd with its voxels in another. Source: ITK's MetaIO documentation. */
import { voxelCount } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { collect } from '../../bytes/collect.ts';
import { deflate } from '../../bytes/deflate.ts';
import { UnpackedSource } from '../../bytes/unpacked-source.ts';
import { FormatError } from '../../errors.ts';
import { castVoxels, littleEndianBytes } from '../../voxels/cast-voxels.ts';
import { HOST_IS_LITTLE_ENDIAN, voxelTypeOf } from '../../voxels/stored-type.ts';
import type { StoredType, VoxelType } from '../../voxels/stored-type.ts';
import { checkBlock, storedBytes } from '../../voxels/voxel-block.ts';
import type { VoxelBlock } from '../../voxels/voxel-block.ts';
import { dataFileNames, dataFiles } from '../data-files.ts';
import type { DataFileNames } from '../data-files.ts';
import type { EncodeOptions, EncodedFile, FormatWarning, VolumeFormat } from '../format.ts';
import { blockCapacity, finishBlock, openBlock, readPlaces } from '../packed-block.ts';
import type { BlockPlace } from '../packed-block.ts';
import { lpsAxes, placeGrid } from '../place-grid.ts';
import { openText, textCapacity } from '../text-block.ts';
import { rawReader } from '../raw-reader.ts';

const TYPES: Readonly<Record<string, StoredType>> = {
  MET_CHAR: 'int8',
  MET_UCHAR: 'uint8',
  MET_SHORT: 'int16',
  MET_USHORT: 'uint16',
  MET_INT: 'int32',
  MET_UINT: 'uint32',
  MET_LONG: 'int32',
  MET_ULONG: 'uint32',
  MET_LONG_LONG: 'int64',
  MET_ULONG_LONG: 'uint64',
  MET_FLOAT: 'float32',
  MET_DOUBLE: 'float64',
};
const NAMES: Readonly<Record<VoxelType, string>> = {
  int8: 'MET_CHAR',
  uint8: 'MET_UCHAR',
  int16: 'MET_SHORT',
  uint16: 'MET_USHORT',
  int32: 'MET_INT',
  uint32: 'MET_UINT',
  float32: 'MET_FLOAT',
  float64: 'MET_DOUBLE',
};
const MOST_HEADER_BYTES = 1 << 16;
const MOST_AXES = 8;

interface Header {
  readonly fields: ReadonlyMap<string, string>;
  /** The lines behind `ElementDataFile = LIST`. */
  readonly listed: readonly string[];
  readonly dataOffset: number;
}

export const metaimage: VolumeFormat = {
  name: 'metaimage',
  endings: ['.mha', '.mhd'],
  recognises: (head, name) =>
    /^\s*(ObjectType|NDims)\s*=/.test(new TextDecoder('latin1').decode(head.subarray(0, 64))) ||
    /\.(mha|mhd)$/.test(name),

  async open(source, options) {
    const file = source.name;
    const unpacked = await UnpackedSource.open(source);
    const { fields, listed, dataOffset } = parse(await unpacked.head(MOST_HEADER_BYTES), file);
    const fail = (field: string, message: string): never => {
      throw new FormatError(`${file ?? 'metaimage'}: ${message}`, {
        ...(file === undefined ? {} : { file }),
        field,
        byteOffset: 0,
      });
    };
    const numbers = (names: readonly string[], count: number): readonly number[] | undefined => {
      const name = names.find((n) => fields.has(n));
      if (name === undefined) return undefined;
      const values = fields.get(name)!.split(/\s+/).map(Number);
      if (values.length !== count || !values.every(Number.isFinite))
        fail(name, `${name} is "${fields.get(name)}"; ${count} numbers were expected.`);
      return values;
    };
    const dims = Number(fields.get('NDims'));
    if (!Number.isInteger(dims) || dims < 1 || dims > MOST_AXES)
      fail('NDims', `NDims is "${fields.get('NDims') ?? 'missing'}"; 1 to ${MOST_AXES} was expected.`);
    const sizes = numbers(['DimSize'], dims) ?? fail('DimSize', 'has no DimSize.');
    if (!sizes.every((n) => Number.isSafeInteger(n) && n >= 1))
      fail('DimSize', `DimSize is "${fields.get('DimSize')}"; positive whole numbers were expected.`);
    const object = fields.get('ObjectType') ?? 'Image';
    if (object !== 'Image')
      fail('ObjectType', `ObjectType is "${object}", a shape and no voxels; convert it to an image first.`);
    const type =
      TYPES[(fields.get('ElementType') ?? '').replace(/_ARRAY$/, '')] ??
      fail(
        'ElementType',
        `ElementType is "${fields.get('ElementType') ?? 'missing'}"; known are ${Object.keys(TYPES).join(', ')}.`,
      );
    const components = Number(fields.get('ElementNumberOfChannels') ?? 1);
    if (!Number.isSafeInteger(components) || components < 1)
      fail('ElementNumberOfChannels', `ElementNumberOfChannels is "${fields.get('ElementNumberOfChannels')}".`);
    const isTrue = (name: string): boolean => /^true$/i.test(fields.get(name) ?? '');
    const block: VoxelBlock = {
      type,
      components,
      littleEndian: !(isTrue('BinaryDataByteOrderMSB') || isTrue('ElementByteOrderMSB')),
      shape: [sizes[2] ?? 1, sizes[1] ?? 1, sizes[0]!],
      volumes: sizes.slice(3).reduce((p, n) => p * n, 1),
      slope: 1,
      inter: 0,
    };
    const isText = fields.has('BinaryData') && !isTrue('BinaryData');
    const where = fields.get('ElementDataFile')!;
    const isLocal = /^local$/i.test(where);
    const length = storedBytes(block);
    const packing = isTrue('CompressedData') ? 'zlib' : undefined;
    const places: readonly BlockPlace[] = isLocal
      ? [{ source: unpacked, packing, offset: dataOffset }]
      : await apart({ text: where, listed, range: [1, sizes[sizes.length - 1]!, 1] });
    if (isText && places.length > 1) fail('BinaryData', 'voxels written as text lie in one file.');
    // text is read into this machine's byte order
    const stored = isText ? { ...block, littleEndian: HOST_IS_LITTLE_ENDIAN } : block;
    checkBlock(stored, isText ? textCapacity(places[0]!, stored) : blockCapacity(places), {
      file,
      maxBytes: options.maxBytes,
      byteOffset: 0,
    });
    const spacing = numbers(['ElementSpacing', 'ElementSize'], dims) ?? sizes.map(() => 1);
    const origin = numbers(['Offset', 'Position', 'Origin'], dims) ?? sizes.map(() => 0);
    const matrix = numbers(['TransformMatrix', 'Orientation', 'Rotation'], dims * dims);
    // each row of the matrix is the direction of one file axis
    const steps = [0, 1, 2].map((axis) =>
      [0, 1, 2].map((row) =>
        axis < dims && row < dims
          ? (matrix ? matrix[axis * dims + row]! : axis === row ? 1 : 0) * (spacing[axis] || 1)
          : axis === row
            ? 1
            : 0,
      ),
    );
    const { grid, warnings } = placeGrid(
      sizes,
      steps,
      [0, 1, 2].map((row) => origin[row] ?? 0),
      'LPS',
      { file, shear: options.shear, field: 'TransformMatrix' },
    );
    return rawReader(
      {
        grid,
        block: stored,
        kind: 'intensity',
        source: {
          format: 'metaimage',
          variant: isLocal ? 'mha' : 'mhd',
          storedType: type,
          dimensions: dims,
          slope: 1,
          inter: 0,
          warnings: [...warnings, ...scalingWarning(fields, file)],
        },
        open: () => (isText ? openText(places[0]!, stored) : openBlock(places, length)),
        bytes: async (bytes) => (isText ? undefined : readPlaces(places, bytes)),
        finish: (stream) => (isText ? stream.close() : finishBlock(places, stream)),
      },
      { ...options, ...(file === undefined ? {} : { fileName: file }) },
    );

    /** The voxels in files of their own, each behind a header of `HeaderSize` bytes, -1: whatever stands before the voxels. */
    async function apart(named: DataFileNames): Promise<readonly BlockPlace[]> {
      const refuse = (message: string): never => fail('ElementDataFile', message);
      const sources = await dataFiles(dataFileNames(named, refuse), options, refuse);
      const each = length / sources.length;
      if (!Number.isInteger(each))
        return refuse(`${length} bytes of voxels do not divide into ${sources.length} data files.`);
      const skip = Number(fields.get('HeaderSize') ?? 0);
      return Promise.all(
        sources.map(async (one) => {
          const source = await UnpackedSource.open(one);
          return { source, packing, offset: Math.max(0, skip === -1 ? source.available - each : skip || 0) };
        }),
      );
    }
  },

  encode: encodeMetaimage,
};

/** ITK and MetaIO leave the stored values as they are, and so do we; but it is said. */
function scalingWarning(fields: Header['fields'], file: string | undefined): readonly FormatWarning[] {
  const slope = Number(fields.get('ElementToIntensityFunctionSlope') ?? 1);
  const inter = Number(fields.get('ElementToIntensityFunctionOffset') ?? 0);
  if (slope === 1 && inter === 0) return [];
  return [
    {
      code: 'scaling',
      field: 'ElementToIntensityFunctionSlope',
      message: `${file ?? 'metaimage'}: the header scales values by ${slope} and adds ${inter}; the stored values are read, as ITK does.`,
    },
  ];
}

/** Lines up to and with ElementDataFile, which is the last. Throws: FormatError. */
function parse(head: Uint8Array, file: string | undefined): Header {
  const fields = new Map<string, string>();
  for (let at = 0; at < head.length;) {
    const end = head.indexOf(10, at);
    if (end < 0) break;
    const line = new TextDecoder('latin1').decode(head.subarray(at, end)).trim();
    at = end + 1;
    if (line === '') continue;
    const found = /^([A-Za-z0-9_]+)\s*=\s*(.*)$/.exec(line);
    if (!found)
      throw new FormatError(`${file ?? 'metaimage'}: the line "${line.slice(0, 40)}" is not "name = value".`, {
        ...(file === undefined ? {} : { file }),
        field: 'header',
        byteOffset: at,
      });
    fields.set(found[1]!, found[2]!.trim());
    if (found[1] === 'ElementDataFile') return { fields, listed: linesFrom(head, at, found[2]!), dataOffset: at };
  }
  throw new FormatError(
    `${file ?? 'metaimage'}: the header has no ElementDataFile, its last line; the file is incomplete.`,
    { ...(file === undefined ? {} : { file }), field: 'ElementDataFile', byteOffset: head.length },
  );
}

/** The names behind `ElementDataFile = LIST`, one a line, to the end of the file. */
function linesFrom(head: Uint8Array, at: number, dataFile: string): readonly string[] {
  return /^LIST\b/.test(dataFile) ? new TextDecoder().decode(head.subarray(at)).split('\n') : [];
}

function encodeMetaimage(
  volume: Volume,
  ending: string,
  { dtype, compress = true, level = 1, name = 'image' }: EncodeOptions,
): readonly EncodedFile[] {
  const voxels = castVoxels(volume.voxels, dtype ?? voxelTypeOf(volume.voxels));
  const [z, y, x] = volume.grid.shape;
  const channels = voxels.length / voxelCount(volume.grid.shape);
  const { steps, origin } = lpsAxes(volume.grid);
  const lengths = steps.map((v) => Math.hypot(...v));
  const isPair = ending === '.mhd';
  const dataEnding = compress ? '.zraw' : '.raw';
  const extra =
    channels > 1
      ? { size: ` ${channels}`, row: ' 0', last: ' 0 0 0 1', one: ' 1', zero: ' 0' }
      : { size: '', row: '', last: '', one: '', zero: '' };
  const head = (packedSize: number | undefined): Uint8Array =>
    new TextEncoder().encode(
      [
        'ObjectType = Image',
        `NDims = ${channels > 1 ? 4 : 3}`,
        'BinaryData = True',
        'BinaryDataByteOrderMSB = False',
        `CompressedData = ${compress ? 'True' : 'False'}`,
        ...(packedSize === undefined ? [] : [`CompressedDataSize = ${packedSize}`]),
        `TransformMatrix = ${steps.map((v, i) => v.map((w) => w / lengths[i]!).join(' ') + extra.row).join(' ')}${extra.last}`,
        `Offset = ${origin.join(' ')}${extra.zero}`,
        `CenterOfRotation = 0 0 0${extra.zero}`,
        `ElementSpacing = ${lengths.join(' ')}${extra.one}`,
        `DimSize = ${x} ${y} ${z}${extra.size}`,
        `ElementType = ${NAMES[voxelTypeOf(voxels)]}`,
        `ElementDataFile = ${isPair ? name + dataEnding : 'LOCAL'}`,
        '',
      ].join('\n'),
    );
  // readers want the packed size in the header, so the voxels are packed before it is written
  let packed: Promise<Uint8Array> | undefined;
  const pack = (): Promise<Uint8Array> => (packed ??= collect(deflate(littleEndianBytes(voxels), 'zlib', { level })));
  async function* header(): AsyncGenerator<Uint8Array> {
    yield head(compress ? (await pack()).length : undefined);
  }
  async function* body(): AsyncGenerator<Uint8Array> {
    if (compress) yield await pack();
    else yield* littleEndianBytes(voxels);
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield* header();
    yield* body();
  }
  return isPair
    ? [
        { ending, chunks: header() },
        { ending: dataEnding, chunks: body() },
      ]
    : [{ ending, chunks: whole() }];
}
