/** PNG as a volume of one slice: colors are channels. Writing 8 and 16 bits, 1 to 4 channels. */
import { voxelCount } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { collect, concatenate, inSteps } from '../../bytes/collect.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { deflate } from '../../bytes/deflate.ts';
import { FormatError } from '../../errors.ts';
import { castVoxels, interleaved } from '../../voxels/cast-voxels.ts';
import { newVoxels } from '../../voxels/stored-type.ts';
import type { DecodeOptions, EncodeOptions, EncodedFile, VolumeFormat } from '../format.ts';
import { imageGrid } from '../place-grid.ts';
import { wholeReader } from '../raw-reader.ts';
import { decodePng, isPng } from './png-read.ts';

const NAMES: Readonly<Record<number, readonly string[]>> = {
  1: ['0'],
  2: ['gray', 'alpha'],
  3: ['red', 'green', 'blue'],
  4: ['red', 'green', 'blue', 'alpha'],
};

export const png: VolumeFormat = {
  name: 'png',
  endings: ['.png'],
  recognises: (head, name) => isPng(head) || name.endsWith('.png'),

  async open(source, options: DecodeOptions) {
    const file = source.name;
    const palette = options.palette ?? (options.kind === 'labels' ? 'indices' : 'colors');
    const image = await decodePng(await source.read(0, source.size), { file, maxBytes: options.maxBytes, palette });
    const { width, height, channels: count } = image;
    const channels = options.channels ?? NAMES[count]!;
    const kind = options.kind ?? 'intensity';
    if (channels.length !== count || (kind === 'labels' && count !== 1))
      throw new FormatError(
        `${file ?? 'png'}: has ${count} channel(s) (${NAMES[count]!.join(', ')}), ${kind === 'labels' ? 'a label image has one' : `${channels.length} were named`}.`,
        { ...(file === undefined ? {} : { file }), field: 'IHDR', byteOffset: 8 },
      );
    const type = image.pixels instanceof Uint16Array ? 'uint16' : 'uint8';
    const voxels = newVoxels(type, image.pixels.length);
    for (let i = 0; i < width * height; i++)
      for (let c = 0; c < count; c++) voxels[c * width * height + i] = image.pixels[i * count + c]!;
    return wholeReader({
      grid: imageGrid([1, height, width]),
      kind,
      channels,
      voxels,
      source: { format: 'png', variant: 'png', storedType: type, dimensions: 2, slope: 1, inter: 0, warnings: [] },
    });
  },

  encode: encodePng,
};

function encodePng(volume: Volume, ending: string, { dtype, level = 6 }: EncodeOptions): readonly EncodedFile[] {
  const [slices, height, width] = volume.grid.shape;
  const channels = volume.voxels.length / voxelCount(volume.grid.shape);
  if (slices !== 1 || channels > 4)
    throw new FormatError(
      `encodeVolume: a PNG holds one slice of 1 to 4 channels, this volume has ${slices} slices of ${channels}; write the slices one by one, or NIfTI.`,
      { field: 'shape' },
    );
  if (dtype !== undefined && dtype !== 'uint8' && dtype !== 'uint16')
    throw new FormatError(`encodeVolume: a PNG holds uint8 or uint16, not ${dtype}.`, { field: 'dtype' });
  const type = dtype ?? ((volume.voxels as Iterable<number>) && fitsByte(volume.voxels) ? 'uint8' : 'uint16');
  const pixels = interleaved(castVoxels(volume.voxels, type), channels);
  return [{ ending, chunks: chunks() }];

  async function* chunks(): AsyncGenerator<Uint8Array> {
    const bytes = type === 'uint16' ? 2 : 1;
    const stride = width * channels * bytes;
    const rows = new Uint8Array(height * (stride + 1));
    for (let y = 0; y < height; y++)
      for (let n = 0; n < width * channels; n++) {
        const value = pixels[y * width * channels + n]!;
        const at = y * (stride + 1) + 1 + n * bytes;
        if (bytes === 2) {
          rows[at] = value >> 8;
          rows[at + 1] = value & 255;
        } else rows[at] = value;
      }
    const head = new Uint8Array(13);
    const view = new DataView(head.buffer);
    view.setUint32(0, width);
    view.setUint32(4, height);
    head.set([8 * bytes, [0, 0, 4, 2, 6][channels]!, 0, 0, 0], 8);
    yield Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
    yield chunk('IHDR', head);
    yield chunk('IDAT', await collect(deflate(inSteps(rows), 'zlib', { level })));
    yield chunk('IEND', new Uint8Array(0));
  }
}

function fitsByte(voxels: Volume['voxels']): boolean {
  if (voxels instanceof Uint16Array) return false; // the type was chosen: it is kept
  for (let i = 0; i < voxels.length; i++) if (voxels[i]! > 255) return false;
  return true;
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const body = concatenate([new TextEncoder().encode(type), content]);
  const bytes = new Uint8Array(body.length + 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(body, 4);
  view.setUint32(4 + body.length, crc32(body));
  return bytes;
}
