/** TIFF as a volume: pages are slices, samples are channels; channels and spacing are those of ImageJ or OME, or the spacing of `{case}.json` beside it. Writes plain stacks. */
import { spacing, voxelCount } from '@voxelwise/volume';
import type { PerAxis, Volume } from '@voxelwise/volume';
import { concatenate } from '../../bytes/collect.ts';
import { FormatError } from '../../errors.ts';
import { castVoxels, interleaved, littleEndianBytes } from '../../voxels/cast-voxels.ts';
import { STORED_BYTES, voxelTypeOf } from '../../voxels/stored-type.ts';
import { readBlock } from '../../voxels/voxel-block.ts';
import { ByteStream } from '../../bytes/byte-stream.ts';
import { HOST_IS_LITTLE_ENDIAN } from '../../voxels/stored-type.ts';
import type { DecodeOptions, EncodeOptions, EncodedFile, FormatWarning, VolumeFormat } from '../format.ts';
import { imageGrid } from '../place-grid.ts';
import { wholeReader } from '../raw-reader.ts';
import { pageAxes } from './tiff-axes.ts';
import { isTiff } from './tiff-directory.ts';
import { hasPalette, inColors } from './tiff-palette.ts';
import { decodeTiff } from './tiff-read.ts';

const WHITE_IS_ZERO = 0;

export const tiff: VolumeFormat = {
  name: 'tiff',
  endings: ['.tif', '.tiff'],
  recognises: (head, name) => isTiff(head) || /\.tiff?$/.test(name),

  async open(source, options) {
    const file = source.name;
    const fail = (field: string, message: string): never => {
      throw new FormatError(`${file ?? 'tiff'}: ${message}`, {
        ...(file === undefined ? {} : { file }),
        field,
        byteOffset: 0,
      });
    };
    const image = await decodeTiff(await source.read(0, source.size), { file, maxBytes: options.maxBytes });
    const warnings: FormatWarning[] = [];
    const warn = (code: string, message: string): void =>
      void warnings.push({ code, field: 'photometric', message: `${file ?? 'tiff'}: ${message}` });
    let { pages } = image;
    if (hasPalette(image)) {
      // ImageJ keeps intensities as indices when it displays them in colors
      const indices = options.kind === 'labels' || image.description.startsWith('ImageJ=');
      if ((options.palette ?? (indices ? 'indices' : 'colors')) === 'colors')
        pages = pages.map((page) => inColors(page, image.colorMap, fail));
      else warn('palette', 'the pixels are read as indices into the palette, not as its colors.');
    }
    if (pages.some(({ photometric }) => photometric === WHITE_IS_ZERO))
      warn('white-is-zero', 'white is stored as 0; the stored values are read, as ITK and tifffile do.');
    const first = pages[0]!;
    pages.forEach((p, i) => {
      if (p.width !== first.width || p.height !== first.height || p.samples !== first.samples || p.type !== first.type)
        fail(
          'pages',
          `page ${i} is ${p.width} x ${p.height} x ${p.samples} ${p.type}, the first is ${first.width} x ${first.height} x ${first.samples} ${first.type}; a stack has pages of one kind.`,
        );
    });
    const axes = pageAxes({ ...image, count: pages.length, samples: first.samples }, (message) =>
      fail('description', message),
    );
    const volumes = axes.pages.length;
    const count = first.samples * volumes;
    const channels = options.channels ?? axes.names ?? channelNames(count, volumes);
    const kind = options.kind ?? 'intensity';
    if (channels.length !== count || (kind === 'labels' && count !== 1))
      fail(
        'samples',
        `has ${count} channel(s), ${kind === 'labels' ? 'a label image has one' : `${channels.length} were named`}.`,
      );
    const shape: PerAxis = [axes.pages[0]!.length, first.height, first.width];
    const block = {
      type: first.type,
      littleEndian: HOST_IS_LITTLE_ENDIAN,
      shape,
      components: first.samples,
      volumes,
      slope: 1,
      inter: 0,
    };
    const stream = new ByteStream(
      (async function* () {
        for (const page of axes.pages.flat()) yield pages[page]!.bytes;
      })(),
      file,
    );
    return wholeReader({
      grid: imageGrid(shape, (await spacingBeside(file, options)) ?? axes.spacingMm),
      kind,
      channels,
      voxels: await readBlock(stream, block),
      source: {
        format: 'tiff',
        variant: 'tiff',
        storedType: first.type,
        dimensions: shape[0] > 1 ? 3 : 2,
        slope: 1,
        inter: 0,
        warnings,
      },
    });
  },

  encode: encodeTiff,
};

/** Colors by their names, anything else by its number. */
function channelNames(count: number, volumes: number): readonly string[] {
  const colors = ['red', 'green', 'blue', 'alpha'].slice(0, count);
  return volumes === 1 && (count === 3 || count === 4) ? colors : Array.from({ length: count }, (_, i) => String(i));
}

/** nnU-Net's side-car: `case.json` beside `case_0000.tif`, {"spacing": [z, y, x]}. */
async function spacingBeside(file: string | undefined, { companions }: DecodeOptions): Promise<PerAxis | undefined> {
  const stem = (file ?? '').replace(/^.*[/\\]/, '').replace(/\.tiff?$/i, '');
  for (const name of [`${stem}.json`, `${stem.replace(/_\d{4}$/, '')}.json`]) {
    const found = await companions?.(name);
    if (!found || found.size > 65536) continue;
    const place = { file: found.name ?? name, field: 'spacing', byteOffset: 0 };
    let values: unknown;
    try {
      values = (JSON.parse(new TextDecoder().decode(await found.read(0, found.size))) as { spacing?: unknown } | null)
        ?.spacing;
    } catch (error) {
      throw new FormatError(`${found.name ?? name}: is not valid JSON (${(error as Error).message}).`, place, {
        cause: error,
      });
    }
    if (
      !Array.isArray(values) ||
      values.length !== 3 ||
      !values.every((v) => typeof v === 'number' && v > 0 && Number.isFinite(v))
    )
      throw new FormatError(
        `${found.name ?? name}: "spacing" must be three positive millimetres (z, y, x); it says ${JSON.stringify(values ?? null)}.`,
        place,
      );
    return values as unknown as PerAxis;
  }
  return undefined;
}

/** An uncompressed stack and, when the spacing is not 1 mm, its side-car. */
function encodeTiff(volume: Volume, ending: string, { dtype }: EncodeOptions): readonly EncodedFile[] {
  const voxels = castVoxels(volume.voxels, dtype ?? voxelTypeOf(volume.voxels));
  const type = voxelTypeOf(voxels);
  const [slices, height, width] = volume.grid.shape;
  const samples = voxels.length / voxelCount(volume.grid.shape);
  const size = STORED_BYTES[type];
  const format = type.startsWith('float') ? 3 : type.startsWith('uint') ? 1 : 2;
  const pageBytes = height * width * samples * size;
  const tags: readonly (readonly [number, number, number])[] = [
    [256, 4, width],
    [257, 4, height],
    [258, 3, 8 * size],
    [259, 3, 1],
    [262, 3, samples >= 3 ? 2 : 1],
    [273, 4, 0],
    [277, 3, samples],
    [278, 4, height],
    [279, 4, pageBytes],
    [284, 3, 1],
    [339, 3, format],
  ];
  const directoryBytes = 2 + 12 * tags.length + 4 + 4 * samples;
  const firstPixels = 8 + slices * (directoryBytes + (directoryBytes % 2));
  if (firstPixels + slices * pageBytes > 0xffffffff)
    throw new FormatError('encodeVolume: the stack passes 4 GiB, which TIFF cannot address; write NIfTI.', {
      field: 'shape',
    });
  const head = new Uint8Array(firstPixels);
  const view = new DataView(head.buffer);
  head.set([0x49, 0x49, 42, 0]);
  view.setUint32(4, 8, true);
  for (let slice = 0, at = 8; slice < slices; slice++) {
    const next = at + directoryBytes + (directoryBytes % 2);
    view.setUint16(at, tags.length, true);
    const lists = at + 2 + 12 * tags.length + 4;
    tags.forEach(([tag, kind, value], i) => {
      const entry = at + 2 + 12 * i;
      view.setUint16(entry, tag, true);
      view.setUint16(entry + 2, kind, true);
      const repeated = (tag === 258 || tag === 339) && samples > 1;
      view.setUint32(entry + 4, repeated ? samples : 1, true);
      if (repeated && samples > 2) {
        const place = lists + (tag === 339 ? 2 * samples : 0);
        view.setUint32(entry + 8, place, true);
        for (let s = 0; s < samples; s++) view.setUint16(place + 2 * s, value, true);
      } else if (kind === 3)
        for (let s = 0; s < (repeated ? samples : 1); s++) view.setUint16(entry + 8 + 2 * s, value, true);
      else view.setUint32(entry + 8, tag === 273 ? firstPixels + slice * pageBytes : value, true);
    });
    view.setUint32(at + 2 + 12 * tags.length, slice < slices - 1 ? next : 0, true);
    at = next;
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield head;
    yield* littleEndianBytes(interleaved(voxels, samples));
  }
  const mm = spacing(volume.grid);
  if (mm.every((v) => v === 1)) return [{ ending, chunks: chunks() }];
  async function* sideCar(): AsyncGenerator<Uint8Array> {
    yield concatenate([new TextEncoder().encode(JSON.stringify({ spacing: mm }))]);
  }
  return [
    { ending, chunks: chunks() },
    { ending: '.json', chunks: sideCar() },
  ];
}
