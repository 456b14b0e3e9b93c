/** Frames of a file: stored values, whatever they were compressed with. Rescaling and colors are the caller's next step. */
import type { VoxelArray } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import { inflateRaw } from '../dataset/dicom-source.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { TAG, tagName } from '../dataset/tags.ts';
import { bigEndianPixels } from '../dataset/transfer-syntax.ts';
import { runCodec } from './codec-modules.ts';
import type { CodecImage } from './codec-modules.ts';
import { declaredUnsigned, jpeg2000Size, jpegLsSize } from './code-stream.ts';
import { frameFragments, joinFragments } from './fragments.ts';
import type { FrameFragments } from './fragments.ts';
import { decodeJpeg } from './jpeg/decode-jpeg.ts';
import { bytesOfArray, nativeFrame, samplesFromBytes, settleBits, settleWords } from './native.ts';
import { bitsPerFrame, frameArray } from './pixel-format.ts';
import type { DecodedFrame, FrameScratch, PixelFormat } from './pixel-format.ts';
import { checkRle, decodeRle, decodeRleWords } from './rle.ts';

/** Reads frames of one file, in any order. */
export interface FrameReader {
  readonly format: PixelFormat;
  /** Stored values of frame `index` (from 0): unused bits masked, signs extended, samples interleaved. */
  read(index: number): Promise<DecodedFrame>;
}

/** Prepares to read a file's frames. Throws: FormatError when frames and fragments do not match. */
export async function openFrames(file: DicomFile, format: PixelFormat, scratch?: FrameScratch): Promise<FrameReader> {
  const { compression } = file.syntax;
  const encapsulated = file.pixels!.length === -1;
  if (encapsulated && compression === 'native' && format.photometric === 'YBR_FULL_422')
    throw file.dataset.fault(
      TAG.PixelData,
      'subsampled colors are in fragments although the transfer syntax is uncompressed.',
    );
  if (!encapsulated)
    return {
      format,
      read: async (index) => ({
        values: await nativeFrame(file, format, { index, scratch }),
        photometric: format.photometric,
      }),
    };
  const groups = await frameFragments(file, format.frames);
  return { format, read: (index) => compressedFrame(file, format, { groups, index, scratch }) };
}

async function compressedFrame(
  file: DicomFile,
  format: PixelFormat,
  { groups, index, scratch }: { groups: FrameFragments; index: number; scratch: FrameScratch | undefined },
): Promise<DecodedFrame> {
  const fragments = groups[index]!;
  const stream = await joinFragments(file.pixels!, fragments, scratch);
  try {
    return await decode(file, format, { stream, scratch });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(
      `${file.name}: frame ${index + 1} of ${format.frames}: ${error.message}`,
      {
        file: file.name,
        field: error.field ?? tagName(TAG.PixelData),
        byteOffset: (fragments[0]?.offset ?? 0) + (error.byteOffset ?? 0),
        details: { ...error.details, frame: index },
      },
      { cause: error },
    );
  }
}

interface Encoded {
  readonly stream: Uint8Array;
  readonly scratch: FrameScratch | undefined;
}

function decode(
  file: DicomFile,
  format: PixelFormat,
  { stream, scratch }: Encoded,
): DecodedFrame | Promise<DecodedFrame> {
  const { rows, columns, samples, bitsAllocated, photometric } = format;
  const pixels = rows * columns;
  switch (file.syntax.compression) {
    // Against the rules, some writers wrap uncompressed frames in fragments.
    case 'native':
      if (stream.length * 8 < bitsPerFrame(format))
        throw new FormatError(
          `the fragment has ${stream.length} bytes, an uncompressed frame needs ${Math.ceil(bitsPerFrame(format) / 8)}.`,
          { byteOffset: stream.length },
        );
      return {
        values: samplesFromBytes(stream, format, { bigEndian: bigEndianPixels(file.syntax), scratch }),
        photometric,
      };
    case 'rle':
      return { values: rleFrame(format, { stream, scratch }), photometric };
    case 'deflated-frames': {
      const needed = bitsAllocated === 1 ? Math.ceil((pixels * samples) / 8) : (pixels * samples * bitsAllocated) / 8;
      const bytes = inflateRaw(stream, needed + 1);
      if (bytes.length < needed)
        throw new FormatError(`the frame unpacks to ${bytes.length} bytes, ${needed} are needed.`, {
          byteOffset: stream.length,
        });
      return { values: samplesFromBytes(bytes, format, { bigEndian: false, scratch }), photometric };
    }
    case 'jpeg':
      return jpegFrame(format, { stream, scratch });
    default:
      return codecFrame(file.syntax.compression as 'jpeg-ls' | 'jpeg2000' | 'htj2k', format, { stream, scratch });
  }
}

function rleFrame(format: PixelFormat, { stream, scratch }: Encoded): VoxelArray {
  const { rows, columns, samples, bitsAllocated } = format;
  const pixels = rows * columns;
  if (bitsAllocated === 1) {
    const bytes = new Uint8Array(Math.ceil((pixels * samples) / 8));
    decodeRle(stream, { pixels: bytes.length, samples: 1, bytesPerSample: 1 }, bytes);
    return samplesFromBytes(bytes, { ...format, planar: false }, { bigEndian: false });
  }
  checkRle(stream, pixels * samples * (bitsAllocated / 8));
  const values = frameArray(format, undefined, scratch);
  if (samples === 1 && (values instanceof Int16Array || values instanceof Uint16Array)) decodeRleWords(stream, values);
  else decodeRle(stream, { pixels, samples, bytesPerSample: bitsAllocated / 8 }, bytesOfArray(values));
  return settleWords(values, format);
}

function jpegFrame(format: PixelFormat, { stream, scratch }: Encoded): DecodedFrame {
  // 16-bit samples are decoded where they stay; others take a step between.
  const values = format.bitsAllocated === 16 ? frameArray(format, undefined, scratch) : undefined;
  const image = decodeJpeg(
    stream,
    format,
    values === undefined ? undefined : new Uint16Array(values.buffer, values.byteOffset, values.length),
  );
  const narrow = values ?? frameArray(format, undefined, scratch);
  if (values === undefined) narrow.set(image.values);
  const signed = settleBits(narrow, format, image.precision);
  if (format.samples !== 3) return { values: signed, photometric: format.photometric };
  // The stream's own word on its colors outranks the header's: writers forget to change the header.
  const ybr = image.adobeTransform === undefined ? format.photometric !== 'RGB' : image.adobeTransform === 1;
  return { values: signed, photometric: ybr ? 'YBR_FULL' : 'RGB' };
}

async function codecFrame(
  codec: 'jpeg-ls' | 'jpeg2000' | 'htj2k',
  format: PixelFormat,
  { stream, scratch }: Encoded,
): Promise<DecodedFrame> {
  const { rows, columns, samples } = format;
  const size = codec === 'jpeg-ls' ? jpegLsSize(stream) : jpeg2000Size(stream);
  if (size.rows !== rows || size.columns !== columns || size.samples !== samples)
    throw new FormatError(
      `${codec}: the stream is ${size.columns} × ${size.rows} with ${size.samples} components, the header says ${columns} × ${rows} with ${samples}.`,
      {
        details: { expected: [rows, columns, samples], found: [size.rows, size.columns, size.samples] },
      },
    );
  if (size.precision > 16 && format.bitsAllocated <= 16)
    throw new FormatError(
      `${codec}: ${size.precision} bits per sample do not fit the ${format.bitsAllocated} allocated.`,
      { details: { precision: size.precision } },
    );
  const lifted = size.signed && size.precision <= 8;
  const readable = lifted ? declaredUnsigned(stream, size) : stream;
  const values = await runCodec(codec, readable, (image) => codecValues(codec, image, { format, scratch }));
  if (lifted) for (let i = 0; i < values.length; i++) values[i]! ^= 1 << (size.precision - 1);
  // JPEG 2000 color transforms are undone inside the codec.
  const photometric =
    samples === 3 && codec !== 'jpeg-ls' && format.photometric !== 'YBR_FULL' ? 'RGB' : format.photometric;
  return { values: settleBits(values, format, size.precision), photometric };
}

/** A codec's samples, copied and interleaved. */
function codecValues(
  codec: string,
  image: CodecImage,
  { format, scratch }: { format: PixelFormat; scratch: FrameScratch | undefined },
): VoxelArray {
  const { rows, columns, samples } = format;
  const count = rows * columns * samples;
  const width = image.bitsPerSample <= 8 ? 1 : image.bitsPerSample <= 16 ? 2 : 4;
  if (image.width !== columns || image.height !== rows || image.bytes.length < count * width)
    throw new FormatError(`${codec}: decoded to ${image.bytes.length} bytes, ${count * width} are needed.`, {});
  const bytes = image.bytes.byteOffset % width === 0 ? image.bytes : image.bytes.slice();
  const kind = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array;
  const raw = new kind(bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
  const values = frameArray(format, undefined, scratch);
  // CharLS reports 0 for components stored one after the other.
  if (codec === 'jpeg-ls' && samples > 1 && image.interleaveMode === 0) {
    const plane = rows * columns;
    for (let s = 0; s < samples; s++) for (let i = 0; i < plane; i++) values[i * samples + s] = raw[s * plane + i]!;
  } else values.set(raw);
  return values;
}
