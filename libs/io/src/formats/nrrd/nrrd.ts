/** NRRD and seg.nrrd: reading attached and detached files, writing attached ones. */
import type { Volume } from '@voxelwise/volume';
import { voxelCount } from '@voxelwise/volume';
import { deflate, isGzip } from '../../bytes/deflate.ts';
import { UnpackedSource } from '../../bytes/unpacked-source.ts';
import { FormatError } from '../../errors.ts';
import { castVoxels, littleEndianBytes } from '../../voxels/cast-voxels.ts';
import { HOST_IS_LITTLE_ENDIAN, voxelTypeOf } from '../../voxels/stored-type.ts';
import type { VoxelType } from '../../voxels/stored-type.ts';
import { checkBlock, storedBytes } from '../../voxels/voxel-block.ts';
import type { VoxelBlock } from '../../voxels/voxel-block.ts';
import { behindLines, dataFileNames, dataFiles } from '../data-files.ts';
import type { DecodeOptions, EncodeOptions, EncodedFile, FormatWarning, Segment, VolumeFormat } from '../format.ts';
import { blockCapacity, finishBlock, openBlock, readPlaces } from '../packed-block.ts';
import { openText, textCapacity } from '../text-block.ts';
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
    const { block, spatial } = layout(header, file);
    const places = await dataPlaces(header, unpacked, storedBytes(block), options);
    const capacity = header.encoding === 'ascii' ? textCapacity(places[0]!, block) : blockCapacity(places);
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
          warnings: header.inPatient ? warnings : [...warnings, spaceWarning(file)],
          ...(segments.length > 0 ? { segments } : {}),
        },
        open: () => (header.encoding === 'ascii' ? openText(places[0]!, block) : openBlock(places, storedBytes(block))),
        bytes: async (length) => (header.encoding === 'ascii' ? undefined : readPlaces(places, length)),
        finish: (stream) => (header.encoding === 'ascii' ? stream.close() : finishBlock(places, stream)),
      },
      { ...options, ...(file === undefined ? {} : { fileName: file }) },
    );
  },

  encode: encodeNrrd,
};

const spaceWarning = (file: string | undefined): FormatWarning => ({
  code: 'space',
  field: 'space',
  message: `${file ?? 'nrrd'}: the space is not the patient's; its axes are taken as left, posterior, superior.`,
});

/** Where the data begin: behind the header, or in files beside it. Throws: FormatError. */
async function dataPlaces(
  header: NrrdHeader,
  attached: UnpackedSource,
  length: number,
  options: DecodeOptions,
): Promise<readonly BlockPlace[]> {
  const file = attached.name;
  const fail = (message: string): never => {
    throw new FormatError(`${file ?? 'nrrd'}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      field: 'data file',
      byteOffset: 0,
    });
  };
  const { encoding, lineSkip, byteSkip, dataFile, listed, dataOffset } = header;
  const packing = encoding === 'raw' || encoding === 'ascii' ? undefined : encoding;
  const insidePacked = packing !== undefined && packing !== 'hex';
  if (byteSkip === -1 && (insidePacked || lineSkip > 0))
    return fail('byte skip -1 counts from the end of raw data; it does not go with a packed encoding or line skip.');
  if (dataFile === undefined) return [await place(attached, dataOffset, length)];
  const sources = await dataFiles(dataFileNames({ text: dataFile, listed }, fail), options, fail);
  if (length % sources.length !== 0 || (encoding === 'ascii' && sources.length > 1))
    return fail(`${length} bytes of voxels do not divide into ${sources.length} data files.`);
  const places: BlockPlace[] = [];
  for (const source of sources) {
    // the gzip may be the file itself, which is then unpacked already
    const whole = packing === 'gzip' && isGzip(await source.read(0, Math.min(2, source.size)));
    const found = await place(await UnpackedSource.open(source), 0, length / sources.length);
    places.push(whole ? { ...found, packing: undefined } : found);
  }
  return places;

  async function place(source: UnpackedSource, from: number, bytes: number): Promise<BlockPlace> {
    if (byteSkip === -1) return { source, packing, offset: Math.max(0, source.available - bytes) };
    const offset =
      lineSkip === 0 ? from : behindLines(await source.head(from + MOST_NRRD_HEADER_BYTES), from, lineSkip);
    if (offset === undefined) return fail(`${lineSkip} lines should be skipped; there are fewer.`);
    return insidePacked ? { source, packing, offset, skip: byteSkip } : { source, packing, offset: offset + byteSkip };
  }
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
      // text is read into this machine's byte order
      littleEndian: header.encoding === 'ascii' ? HOST_IS_LITTLE_ENDIAN : header.littleEndian,
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

function segmentsOf(pairs: ReadonlyMap<string, string>): readonly Segment[] {
  const found: Segment[] = [];
  for (const key of pairs.keys()) {
    const index = /^Segment(\d+)_ID$/.exec(key)?.[1];
    if (index === undefined) continue;
    const label = pairs.get(`Segment${index}_LabelValue`);
    found.push({
      name: pairs.get(`Segment${index}_Name`) ?? `Segment_${index}`,
      // Slicer before 4.11 gave each segment a layer of ones, and said nothing of either
      value: Number(label ?? 1),
      channel: Number(pairs.get(`Segment${index}_Layer`) ?? (label === undefined ? index : 0)),
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
  if (head.length > MOST_NRRD_HEADER_BYTES)
    throw new FormatError(
      `encodeVolume: a header of ${head.length} bytes, ${MOST_NRRD_HEADER_BYTES} are read: this looks like an image, not like labels; write .nrrd.`,
      { field: 'segments' },
    );
  const bytes = littleEndianBytes(voxels);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield head;
    yield* compress ? deflate(bytes, 'gzip', { level }) : bytes;
  }
  return [{ ending, chunks: chunks() }];

  function segmentLines(): readonly string[] {
    const odd = voxels.find((v) => !(Number.isInteger(v) && v >= 0));
    if (odd !== undefined)
      throw new FormatError(
        `encodeVolume: a segmentation holds labels, whole numbers from 0 on; this volume has ${odd}. Write .nrrd.`,
        { field: 'segments', details: { value: odd } },
      );
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
