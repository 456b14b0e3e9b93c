/** Any medical image in, any out: the format found by its bytes, the result checked. */
import { GeometryError, checkVolume, voxelCount } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { bytesSource } from './bytes/byte-source.ts';
import type { ByteSource } from './bytes/byte-source.ts';
import { collect } from './bytes/collect.ts';
import { UnpackedSource } from './bytes/unpacked-source.ts';
import { FormatError } from './errors.ts';
import { FORMATS } from './formats/catalogue.ts';
import { wholeReader } from './formats/raw-reader.ts';
import { newVoxels } from './voxels/stored-type.ts';
import { straightenVolume } from './voxels/straighten-volume.ts';
import type {
  DecodeOptions,
  DecodedVolume,
  EncodeOptions,
  EncodedFile,
  StreamedVolume,
  VolumeFormat,
  VolumeReader,
} from './formats/format.ts';

/** Enough bytes for every format's magic number. */
const HEAD_BYTES = 1024;

/**
 * Reads an image from its bytes. The format is told by the bytes; `fileName` helps only where they are silent.
 *
 * Voxels keep the file's axes (slowest first: [C, z, y, x]); the affine places them in RAS+ millimetres; nothing is reoriented.
 * Throws: FormatError with file, field and byte offset.
 */
export async function decodeVolume(bytes: Uint8Array, options: DecodeOptions = {}): Promise<DecodedVolume> {
  return (await openSource(bytesSource(bytes, options.fileName), options)).read();
}

/** Reads the header of an image; its voxels can then be read whole or in slabs. Throws: FormatError. */
export async function openSource(source: ByteSource, options: DecodeOptions = {}): Promise<VolumeReader> {
  const name = (source.name ?? '').toLowerCase().replace(/\.gz$/, '');
  try {
    const head = await (await UnpackedSource.open(source)).head(HEAD_BYTES);
    const format = formatOf(head, name, source.name);
    if (options.shear !== 'resample') return await format.open(source, options);
    const reader = await format.open(source, { ...options, shear: 'keep' });
    return reader.source.warnings.some(({ code }) => code === 'shear') ? await straightened(reader) : reader;
  } catch (error) {
    if (error instanceof GeometryError)
      throw new FormatError(
        `${source.name ?? 'bytes'}: ${error.message}`,
        {
          ...(source.name === undefined ? {} : { file: source.name }),
          field: 'geometry',
          byteOffset: 0,
          details: error.details,
        },
        { cause: error },
      );
    if (!(error instanceof FormatError)) throw error;
    const placed = error.atByte(0);
    throw source.name === undefined ? placed : placed.inFile(source.name);
  }
}

/** A sheared file on a grid with right angles: read whole, whatever is asked of it afterwards. */
async function straightened(reader: VolumeReader): Promise<VolumeReader> {
  const volume = await reader.read();
  const warnings = volume.source.warnings.map((warning) =>
    warning.code === 'shear'
      ? { ...warning, message: `${warning.message} It was resampled onto right angles.` }
      : warning,
  );
  return wholeReader({ ...straightenVolume(volume), source: { ...volume.source, warnings } });
}

const letters = (text: string): readonly number[] => [...text].map((c) => c.charCodeAt(0));

/** Files that often bear the name of an image: what they are, how their bytes begin, what to do. */
const FOREIGN: readonly (readonly [string, number, readonly (number | undefined)[], string])[] = [
  ['a DICOM file', 128, letters('DICM'), 'convert its series (voxelwise convert, or @voxelwise/io/dicom)'],
  [
    'an HDF5 file (MINC2 is one)',
    0,
    [0x89, ...letters('HDF\r\n')],
    'export the image as NIfTI (MINC: mnc2nii) or NRRD',
  ],
  ['a NetCDF file (MINC1 is one)', 0, letters('CDF'), 'export the image as NIfTI (MINC: mnc2nii)'],
  [
    'the header of a Philips PAR/REC pair',
    0,
    letters('# === DATA DESCRIPTION FILE'),
    'convert the pair to NIfTI (dcm2niix reads it)',
  ],
  ['a VTK file', 0, letters('# vtk DataFile'), 'export the image as NIfTI, NRRD or MetaImage'],
  ['a MATLAB file', 0, letters('MATLAB 5.0'), 'export the image as NIfTI or NPY'],
  ['a Zeiss CZI file', 0, letters('ZISRAWFILE'), 'export the image as OME-TIFF'],
  // reserved words tell a bitmap from voxels that begin with BM
  [
    'a BMP picture',
    0,
    [...letters('BM'), ...Array<undefined>(4).fill(undefined), 0, 0, 0, 0],
    'save it as PNG or TIFF',
  ],
  ['a GIF picture', 0, letters('GIF8'), 'save it as PNG or TIFF'],
  ['a WebP picture', 8, letters('WEBP'), 'save it as PNG or TIFF'],
  ['a JPEG 2000 picture', 4, letters('jP  '), 'save it as PNG or TIFF'],
  ['a RAR archive', 0, letters('Rar!'), 'unpack it'],
  ['a 7z archive', 0, [...letters('7z'), 0xbc, 0xaf], 'unpack it'],
  ['packed with xz', 0, [0xfd, ...letters('7zXZ')], 'unpack it'],
  ['packed with Zstandard', 0, [0x28, 0xb5, 0x2f, 0xfd], 'unpack it'],
  ['packed with bzip2', 0, letters('BZh'), 'unpack it'],
  ['a PDF document', 0, letters('%PDF'), 'export the image itself'],
];

function formatOf(head: Uint8Array, name: string, file: string | undefined): VolumeFormat {
  const text = new TextDecoder('latin1').decode(head.subarray(0, 200));
  const place = { ...(file === undefined ? {} : { file }), field: 'magic', byteOffset: 0 };
  if (text.startsWith('version https://git-lfs'))
    throw new FormatError(
      `${file ?? 'bytes'}: is a git-lfs pointer, not the image itself; run "git lfs pull" and try again.`,
      place,
    );
  if (/^\s*(<\?xml|<VTKFile)/i.test(text) && !/<html/i.test(text))
    throw new FormatError(
      `${file ?? 'bytes'}: is an XML file${/<VTKFile/.test(text) ? ' of VTK' : ''}, not an image; export the image as NIfTI, NRRD or MetaImage.`,
      place,
    );
  if (/^\s*(<!doctype html|<html|<\?xml)/i.test(text))
    throw new FormatError(
      `${file ?? 'bytes'}: is a web page, not an image; the download has failed. Fetch the file again.`,
      place,
    );
  const foreign = FOREIGN.find(([, at, mark]) => mark.every((byte, i) => byte === undefined || head[at + i] === byte));
  if (foreign) throw new FormatError(`${file ?? 'bytes'}: is ${foreign[0]}, whatever its name; ${foreign[3]}.`, place);
  // the bytes decide; the name is asked when no magic number speaks, so that the error fits the file
  const found =
    FORMATS.find((format) => format.recognises(head, '')) ?? FORMATS.find((format) => format.recognises(head, name));
  if (found) return found;
  throw new FormatError(
    `${file ?? 'bytes'}: starts with [${[...head.subarray(0, 8)].join(', ')}], which no known format does (${FORMATS.map((f) => f.name).join(', ')}).`,
    place,
  );
}

/** Endings or names that `encodeVolume` understands, longest first. */
export function formatForEnding(ending: string): { readonly format: VolumeFormat; readonly ending: string } {
  const wanted = ending.toLowerCase();
  const candidates = FORMATS.filter((f) => f.encode).flatMap((format) =>
    format.endings.map((e) => ({ format, ending: e })),
  );
  candidates.sort((a, b) => b.ending.length - a.ending.length);
  const found =
    candidates.find((c) => wanted.endsWith(c.ending)) ??
    FORMATS.filter((f) => f.encode && f.name === wanted).map((format) => ({ format, ending: format.endings[0]! }))[0];
  if (!found)
    throw new FormatError(
      `encodeVolume: no format writes "${ending}"; use one of ${candidates.map((c) => c.ending).join(', ')}.`,
      { field: 'format', details: { ending } },
    );
  return found;
}

/** The files of a volume as streams: one, or two for formats with a header apart. Throws: FormatError, GeometryError. */
export function encodeFiles(volume: Volume, format: string, options: EncodeOptions = {}): readonly EncodedFile[] {
  checkVolume(volume);
  const { format: found, ending } = formatForEnding(format);
  return found.encode!(volume, ending, options);
}

/** The files of a volume that comes in pieces, which are collected first where the format needs all of them. Throws: as `encodeFiles`. */
export async function encodeStream(
  volume: StreamedVolume,
  format: string,
  options: EncodeOptions = {},
): Promise<readonly EncodedFile[]> {
  const { format: found, ending } = formatForEnding(format);
  if (found.encodeStream !== undefined) return found.encodeStream(volume, ending, options);
  const voxels = newVoxels(volume.type, volume.channels.length * voxelCount(volume.grid.shape));
  let at = 0;
  for await (const piece of volume.pieces()) {
    voxels.set(piece, at);
    at += piece.length;
  }
  return encodeFiles({ ...volume, voxels }, ending, options);
}

/**
 * The bytes of a file that holds the volume. `format`: an ending ('.nii.gz', '.nrrd') or a name ('nifti').
 *
 * Throws: FormatError if no format has this ending, it takes two files, or a value does not fit `options.dtype`.
 */
export async function encodeVolume(volume: Volume, format: string, options: EncodeOptions = {}): Promise<Uint8Array> {
  const files = encodeFiles(volume, format, options);
  if (files.length !== 1)
    throw new FormatError(
      `encodeVolume: ${format} takes ${files.length} files (${files.map((f) => f.ending).join(', ')}); use writeVolume or encodeFiles.`,
      { field: 'format' },
    );
  return collect(files[0]!.chunks);
}
