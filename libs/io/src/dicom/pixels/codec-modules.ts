/**
 * The WebAssembly codecs, loaded when a file first needs one: CharLS (JPEG-LS), OpenJPEG (JPEG 2000), OpenJPH (HTJ2K).
 *
 * Each is one generated module with its code inside, so that it loads alike in Node and in any bundle.
 */
import { bytesOfBase64 } from '../../bytes/base64.ts';
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
type Packaged = Promise<{
  readonly default: (options: Readonly<Record<string, unknown>>) => Promise<unknown>;
  readonly wasm: string;
}>;

const decoderNames: Readonly<Record<Codec, string>> = {
  'jpeg-ls': 'JpegLSDecoder',
  jpeg2000: 'J2KDecoder',
  htj2k: 'HTJ2KDecoder',
};

const packages: Readonly<Record<Codec, () => Packaged>> = {
  'jpeg-ls': () => import('../../generated/codecs/charls.js'),
  jpeg2000: () => import('../../generated/codecs/openjpeg.js'),
  htj2k: () => import('../../generated/codecs/openjph.js'),
};

const compiled = new Map<Codec, Promise<WebAssembly.Module>>();

/**
 * What V8 must not do with OpenJPEG: its block decoder is one function of 84 kB, and optimizing it takes some 30 MB that stay with the
 * process, for no gain: what its baseline compiler makes decodes lossless and lossy images as fast (measured on x64).
 */
const OPTIMIZATIONS = ['wasm-tier-up', 'wasm-dynamic-tiering', 'wasm-lazy-compilation'];

/**
 * Compiles by V8's baseline compiler alone, where the flags can be set: in Node. They hold while the module is made, in one go, and
 * belong to it from then on; other modules keep theirs.
 */
function compileLean(code: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  const v8 = globalThis.process?.getBuiltinModule?.('node:v8');
  if (v8 === undefined) return WebAssembly.compile(code);
  for (const name of OPTIMIZATIONS) v8.setFlagsFromString(`--no-${name}`);
  try {
    return Promise.resolve(new WebAssembly.Module(code));
  } finally {
    for (const name of OPTIMIZATIONS) v8.setFlagsFromString(`--${name}`);
  }
}

/** The module's code, compiled once: a codec that is started anew costs its memory, not its compilation. */
function compile(codec: Codec, wasm: string): Promise<WebAssembly.Module> {
  let module = compiled.get(codec);
  if (module === undefined) {
    const code = bytesOfBase64(wasm);
    module = codec === 'jpeg2000' ? compileLean(code) : WebAssembly.compile(code);
    compiled.set(codec, module);
  }
  return module;
}

async function start(codec: Codec): Promise<CodecModule> {
  const { default: make, wasm } = await packages[codec]();
  const module = await compile(codec, wasm);
  return (await make({
    print: () => undefined,
    printErr: () => undefined,
    instantiateWasm(
      imports: WebAssembly.Imports,
      receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
    ) {
      void WebAssembly.instantiate(module, imports).then((instance) => receive(instance, module));
      return {};
    },
  })) as CodecModule;
}

const running = new Map<Codec, Promise<CodecModule>>();

/** The module of a codec; the same one on every call, until `discard` is called after it failed. */
function codecModule(codec: Codec): Promise<CodecModule> {
  let module = running.get(codec);
  if (module === undefined) {
    module = start(codec);
    running.set(codec, module);
  }
  return module;
}

/** A decoded image: bytes in the codec's own sample order, lying in its memory. */
export interface CodecImage extends CodecFrameInfo {
  readonly bytes: Uint8Array;
  readonly interleaveMode: number | undefined;
}

/**
 * Runs one code stream through a codec; `use` sees the image while the codec still holds it.
 * Throws: FormatError when the codec refuses the stream, and what `use` throws.
 */
export async function runCodec<T>(codec: Codec, stream: Uint8Array, use: (image: CodecImage) => T): Promise<T> {
  const module = await codecModule(codec);
  let decoder: CodecDecoder;
  let image: CodecImage;
  try {
    decoder = new module[decoderNames[codec]]!();
    decoder.getEncodedBuffer(stream.length).set(stream);
    decoder.decode();
    const bytes = decoder.getDecodedBuffer();
    image = { ...decoder.getFrameInfo(), bytes, interleaveMode: decoder.getInterleaveMode?.() };
  } catch (error) {
    // A codec that failed may have left its memory in disorder: the next image gets a fresh one.
    running.delete(codec);
    throw new FormatError(
      `${codec}: the codec refuses the compressed pixel data; the file is damaged.`,
      { field: '(7fe0,0010) PixelData', byteOffset: 0 },
      { cause: error },
    );
  }
  try {
    return use(image);
  } finally {
    decoder.delete();
  }
}
