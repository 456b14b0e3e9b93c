/**
 * The WebAssembly codecs, loaded when a file first needs one: CharLS (JPEG-LS), OpenJPEG (JPEG 2000), OpenJPH (HTJ2K).
 *
 * Under Node the .wasm builds, elsewhere the plain JavaScript builds, which need no second file (OpenJPH has none).
 */
import { FormatError } from '../../errors.ts';

/** What a decoder says about the image it decoded. */
export interface CodecFrameInfo {
  readonly width: number;
  readonly height: number;
  readonly bitsPerSample: number;
  readonly componentCount: number;
  readonly isSigned?: boolean;
}

/** A decoder object inside a codec module; it lives in the module's memory until deleted. */
export interface CodecDecoder {
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getFrameInfo(): CodecFrameInfo;
  getDecodedBuffer(): Uint8Array;
  getInterleaveMode?(): number;
  delete(): void;
}

type Codec = 'jpeg-ls' | 'jpeg2000' | 'htj2k';
type CodecModule = Readonly<Record<string, new () => CodecDecoder>>;
type Factory = (options: Readonly<Record<string, unknown>>) => Promise<CodecModule>;

const decoderNames: Readonly<Record<Codec, string>> = {
  'jpeg-ls': 'JpegLSDecoder',
  jpeg2000: 'J2KDecoder',
  htj2k: 'HTJ2KDecoder',
};
const onNode = (): boolean => typeof globalThis.process?.versions?.node === 'string';

async function factory(codec: Codec): Promise<Factory> {
  const charls = (): Promise<unknown> =>
    onNode() ? import('@cornerstonejs/codec-charls/decodewasmjs') : import('@cornerstonejs/codec-charls/decode');
  const openjpeg = (): Promise<unknown> =>
    onNode() ? import('@cornerstonejs/codec-openjpeg/decodewasmjs') : import('@cornerstonejs/codec-openjpeg/decode');
  const openjph = (): Promise<unknown> => import('@cornerstonejs/codec-openjph');
  const loaded = (await { 'jpeg-ls': charls, jpeg2000: openjpeg, htj2k: openjph }[codec]()) as { default: unknown };
  const found =
    typeof loaded.default === 'function' ? loaded.default : (loaded.default as { default: unknown }).default;
  return found as Factory;
}

const running = new Map<Codec, Promise<CodecModule>>();

/** The module of a codec; the same one on every call, until `discard` is called after it failed. */
function codecModule(codec: Codec): Promise<CodecModule> {
  let module = running.get(codec);
  if (module === undefined) {
    module = factory(codec).then((make) => make({ print: () => undefined, printErr: () => undefined }));
    running.set(codec, module);
  }
  return module;
}

/** A decoded image: bytes in the codec's own sample order, copied out of its memory. */
export interface CodecImage extends CodecFrameInfo {
  readonly bytes: Uint8Array;
  readonly interleaveMode: number | undefined;
}

/** Runs one code stream through a codec. Throws: FormatError when the codec refuses it. */
export async function runCodec(codec: Codec, stream: Uint8Array): Promise<CodecImage> {
  const module = await codecModule(codec);
  let decoder: CodecDecoder | undefined;
  try {
    decoder = new module[decoderNames[codec]]!();
    decoder.getEncodedBuffer(stream.length).set(stream);
    decoder.decode();
    const { width, height, bitsPerSample, componentCount, isSigned } = decoder.getFrameInfo();
    const bytes = decoder.getDecodedBuffer().slice();
    const interleaveMode = decoder.getInterleaveMode?.();
    decoder.delete();
    return {
      width,
      height,
      bitsPerSample,
      componentCount,
      bytes,
      interleaveMode,
      ...(isSigned === undefined ? {} : { isSigned }),
    };
  } catch (error) {
    // A codec that failed may have left its memory in disorder: the next image gets a fresh one.
    running.delete(codec);
    throw new FormatError(
      `${codec}: the codec refuses the compressed pixel data; the file is damaged.`,
      { field: '(7fe0,0010) PixelData', byteOffset: 0 },
      { cause: error },
    );
  }
}
