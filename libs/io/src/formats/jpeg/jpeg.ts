/** JPEG pictures as images of one slice: many public sets of 2D images are in it. Never as labels: it changes values. */
import { FormatError } from '../../errors.ts';
import { newVoxels } from '../../voxels/stored-type.ts';
import type { VolumeFormat } from '../format.ts';
import { imageGrid } from '../place-grid.ts';
import { wholeReader } from '../raw-reader.ts';
import { jpegFrame } from './frame-header.ts';

/** Values that a byte can become: two bits per block of 8 x 8 and channel. */
const RATIO = 512;

export const jpeg: VolumeFormat = {
  name: 'jpeg',
  endings: ['.jpg', '.jpeg'],
  recognises: (head, name) => (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) || /\.jpe?g$/.test(name),

  async open(source, options) {
    const file = source.name;
    const fail = (field: string, byteOffset: number, message: string): never => {
      throw new FormatError(`${file ?? 'jpeg'}: ${message}`, {
        ...(file === undefined ? {} : { file }),
        field,
        byteOffset,
      });
    };
    if (options.kind === 'labels')
      return fail('magic', 0, 'is a JPEG picture, whose packing changes values; labels need PNG, TIFF or a volume.');
    const bytes = await source.read(0, source.size);
    const frame =
      jpegFrame(bytes) ?? fail('SOF', bytes.length, 'has no frame header; it is no JPEG picture, or cut off.');
    const { rows, columns, samples, ids, at } = frame;
    const count = rows * columns;
    if (count * samples > bytes.length * RATIO)
      return fail('SOF', at, `declares ${columns} x ${rows} pixels, which ${bytes.length} bytes cannot hold.`);
    if (count * samples * 2 > (options.maxBytes ?? Infinity))
      return fail('SOF', at, `${columns} x ${rows} pixels take more than the limit of ${options.maxBytes} bytes.`);
    if (samples !== 1 && samples !== 3) return fail('SOF', at, `has ${samples} components; gray and colors are read.`);
    const { decodeJpeg } = await import('../../dicom/pixels/jpeg/decode-jpeg.ts');
    const image = await Promise.resolve()
      .then(() => decodeJpeg(bytes, { rows, columns, samples }))
      .catch((error: unknown) => {
        if (!(error instanceof FormatError)) throw error;
        return fail('scan', error.byteOffset ?? 0, error.message);
      });
    // JFIF says YCbCr; Adobe's segment or components named R, G, B say otherwise
    const isRgb = image.adobeTransform === undefined ? ids === 'RGB' : image.adobeTransform === 0;
    const pixels = samples === 3 && !isRgb && image.precision === 8 ? await rgbOf(image.values) : image.values;
    const channels = options.channels ?? (samples === 3 ? ['red', 'green', 'blue'] : ['0']);
    if (channels.length !== samples)
      return fail('SOF', at, `has ${samples} channel(s), ${channels.length} were named.`);
    const type = image.precision > 8 ? 'uint16' : 'uint8';
    const voxels = newVoxels(type, count * samples);
    for (let i = 0; i < count; i++) for (let c = 0; c < samples; c++) voxels[c * count + i] = pixels[i * samples + c]!;
    return wholeReader({
      grid: imageGrid([1, rows, columns]),
      kind: 'intensity',
      channels,
      voxels,
      source: { format: 'jpeg', variant: 'jpeg', storedType: type, dimensions: 2, slope: 1, inter: 0, warnings: [] },
    });
  },
};

async function rgbOf(values: Uint16Array): Promise<ArrayLike<number>> {
  const { toRgb } = await import('../../dicom/pixels/color.ts');
  return toRgb({ values, photometric: 'YBR_FULL' }).values;
}
