/** NIfTI-1, NIfTI-2 and Analyze 7.5: reading single files and pairs, packed or not, whole or in slabs. */
import { UnpackedSource } from '../../bytes/unpacked-source.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { FormatError } from '../../errors.ts';
import { checkBlock } from '../../voxels/voxel-block.ts';
import type { VoxelBlock } from '../../voxels/voxel-block.ts';
import type { DecodeOptions, FormatWarning, VolumeFormat, VolumeReader } from '../format.ts';
import { straighten } from '../place-grid.ts';
import type { PlacedGrid } from '../place-grid.ts';
import { rawReader } from '../raw-reader.ts';
import { niftiGeometry } from './nifti-geometry.ts';
import { NIFTI_HEAD_BYTES, parseNiftiHeader, sniffNifti } from './nifti-header.ts';
import type { NiftiHeader } from './nifti-header.ts';
import { encodeNifti, encodeNiftiStream } from './nifti-write.ts';
import { spmAffine } from './spm-mat.ts';

const INTENT_LABEL = 1002;
const isPairName = (name: string): boolean => /\.(hdr|img)(\.gz)?$/i.test(name);

export const nifti: VolumeFormat = {
  name: 'nifti',
  endings: ['.nii.gz', '.nii', '.hdr', '.img', '.hdr.gz', '.img.gz'],

  recognises(head, name) {
    const kind = sniffNifti(head);
    return (
      (kind !== undefined &&
        (kind.variant !== 'analyze' || isPairName(name) || head.length < 348 || name.endsWith('.nii'))) ||
      /\.(nii|hdr|img)$/.test(name)
    );
  },

  async open(source, options) {
    const file = source.name;
    const headerSource = await headerOf(source, options);
    const unpacked = await UnpackedSource.open(headerSource);
    const header = parseNiftiHeader(await unpacked.head(NIFTI_HEAD_BYTES), {
      file: headerSource.name,
      mayBeAnalyze: isPairName(file ?? ''),
    });
    const voxels = header.isPair ? await UnpackedSource.open(await voxelsOf(source, header, options)) : unpacked;
    const named = { ...options, ...(file === undefined ? {} : { fileName: file }) };
    return read(
      header,
      voxels,
      header.variant === 'analyze' ? await spmPosition(header, source, named) : undefined,
      named,
    );
  },

  encode: encodeNifti,
  encodeStream: encodeNiftiStream,
};

/** A pair may be named by either of its files. */
async function headerOf(source: ByteSource, options: DecodeOptions): Promise<ByteSource> {
  if (!/\.img(\.gz)?$/i.test(source.name ?? '')) return source;
  return companion(source, /\.img(\.gz)?$/i, 'hdr', options);
}

async function voxelsOf(source: ByteSource, header: NiftiHeader, options: DecodeOptions): Promise<ByteSource> {
  if (/\.img(\.gz)?$/i.test(source.name ?? '')) return source;
  const file = source.name;
  if (file === undefined || !isPairName(file))
    throw new FormatError(
      `${file ?? 'bytes'}: the magic number ${header.variant === 'analyze' ? 'is missing (Analyze)' : 'says that the voxels lie in a second file'}, but this is not a .hdr file; give the pair .hdr and .img, or repair the header.`,
      { ...(file === undefined ? {} : { file }), field: 'magic', byteOffset: header.variant === 'nifti-2' ? 4 : 344 },
    );
  return companion(source, /\.hdr(\.gz)?$/i, 'img', options);
}

async function companion(
  source: ByteSource,
  ending: RegExp,
  other: string,
  options: DecodeOptions,
): Promise<ByteSource> {
  const name = source.name!.replace(/^.*[/\\]/, '');
  const stem = name.replace(ending, '');
  for (const candidate of [`${stem}.${other}`, `${stem}.${other}.gz`, `${stem}.${other.toUpperCase()}`]) {
    const found = await options.companions?.(candidate);
    if (found) return found;
  }
  throw new FormatError(
    `${source.name}: its other half ${stem}.${other} (or .${other}.gz) is missing; a pair of .hdr and .img is needed.`,
    { file: source.name!, field: other, byteOffset: 0 },
  );
}

/** The position in SPM's .mat beside an Analyze pair, if there is one: Analyze itself knows nothing but voxel sizes. */
async function spmPosition(
  header: NiftiHeader,
  source: ByteSource,
  options: DecodeOptions,
): Promise<PlacedGrid | undefined> {
  const stem = source.name?.replace(/^.*[/\\]/, '').replace(/\.(hdr|img)(\.gz)?$/i, '');
  const mat = stem === undefined ? undefined : await options.companions?.(`${stem}.mat`);
  const affine = mat && (await spmAffine(mat));
  if (affine === undefined) return undefined;
  const [x, y = 1, z = 1] = header.sizes;
  return straighten(
    { shape: [z, y, x!], affine },
    { file: mat?.name, shear: options.shear, field: 'mat', byteOffset: 0 },
  );
}

function read(
  header: NiftiHeader,
  voxels: UnpackedSource,
  placed: PlacedGrid | undefined,
  options: DecodeOptions,
): VolumeReader {
  const file = options.fileName;
  const geometry = placed ?? niftiGeometry(header, { file, shear: options.shear });
  const block: VoxelBlock = {
    type: header.type,
    littleEndian: header.littleEndian,
    shape: geometry.grid.shape,
    components: header.components,
    volumes: header.sizes.slice(3).reduce((product, n) => product * n, 1),
    slope: header.components > 1 ? 1 : header.slope,
    inter: header.components > 1 ? 0 : header.inter,
  };
  checkBlock(block, Math.max(0, voxels.available - header.voxelOffset), {
    file,
    maxBytes: options.maxBytes,
    byteOffset: header.variant === 'nifti-2' ? 16 : 40,
  });
  const warnings: FormatWarning[] = [...header.warnings, ...geometry.warnings];
  if (header.type === 'complex64' || header.type === 'complex128') {
    if (options.complex === 'refuse')
      throw new FormatError(
        `${file ?? 'bytes'}: holds complex numbers; ask for their magnitude or convert the image.`,
        { ...(file === undefined ? {} : { file }), field: 'datatype', byteOffset: 70 },
      );
    warnings.push({
      code: 'complex',
      field: 'datatype',
      message: `${file ?? 'bytes'}: complex numbers are read as their magnitude.`,
    });
  }
  if (header.type === 'float128')
    warnings.push({
      code: 'precision',
      field: 'datatype',
      message: `${file ?? 'bytes'}: 128-bit floats are read as 64-bit ones: 16 significant digits are kept.`,
    });
  if (header.intent >= 3000 && header.intent < 3100)
    warnings.push({
      code: 'cifti',
      field: 'intent_code',
      message: `${file ?? 'bytes'}: is CIFTI: its numbers belong to surfaces and lists of voxels, not to a grid.`,
    });
  const rgb =
    header.components > 1 && block.volumes === 1
      ? ['red', 'green', 'blue', 'alpha'].slice(0, header.components)
      : undefined;
  return rawReader(
    {
      grid: geometry.grid,
      kind: header.intent === INTENT_LABEL && block.volumes * block.components === 1 ? 'labels' : 'intensity',
      ...(rgb ? { channels: rgb } : {}),
      block,
      source: {
        format: 'nifti',
        variant: header.variant,
        storedType: header.type,
        dimensions: header.sizes.length,
        slope: header.slope,
        inter: header.inter,
        warnings,
      },
      open: () => voxels.streamAt(header.voxelOffset, 'vox_offset'),
      // unaligned voxels cannot be viewed where they lie
      bytes: async (length) => (header.voxelOffset % 8 === 0 ? voxels.block(header.voxelOffset, length) : undefined),
      finish: (stream) => voxels.finish(stream),
    },
    options,
  );
}
