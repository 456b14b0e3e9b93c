/** The NIfTI-1, NIfTI-2 and Analyze 7.5 headers: fields read from bytes, checked, byte order found. */
import { FormatError } from '../../errors.ts';
import type { FormatWarning } from '../format.ts';
import type { StoredType } from '../../voxels/stored-type.ts';

export type NiftiVariant = 'nifti-1' | 'nifti-2' | 'analyze';

export interface NiftiHeader {
  readonly variant: NiftiVariant;
  readonly littleEndian: boolean;
  /** Voxels in another file (.img). */
  readonly isPair: boolean;
  /** dim[1..ndim], fastest first, as in the file. */
  readonly sizes: readonly number[];
  /** pixdim[0..7]. */
  readonly pixdim: readonly number[];
  readonly type: StoredType;
  /** Interleaved numbers per voxel: RGB 3, RGBA 4. */
  readonly components: number;
  readonly voxelOffset: number;
  readonly slope: number;
  readonly inter: number;
  readonly qformCode: number;
  readonly sformCode: number;
  /** b, c, d, x, y, z. */
  readonly quaternion: readonly number[];
  /** Three rows of four. */
  readonly srow: readonly number[];
  readonly units: number;
  readonly intent: number;
  /** Analyze only: the SPM origin, 1-based voxel x, y, z; zeros if unset. */
  readonly origin: readonly number[];
  readonly warnings: readonly FormatWarning[];
}

const TYPES: Readonly<Record<number, readonly [StoredType, number]>> = {
  2: ['uint8', 1],
  4: ['int16', 1],
  8: ['int32', 1],
  16: ['float32', 1],
  32: ['complex64', 1],
  64: ['float64', 1],
  128: ['uint8', 3],
  256: ['int8', 1],
  512: ['uint16', 1],
  768: ['uint32', 1],
  1024: ['int64', 1],
  1280: ['uint64', 1],
  1536: ['float128', 1],
  1792: ['complex128', 1],
  2304: ['uint8', 4],
};
const BITS: Readonly<Record<string, number>> = {
  bool: 8,
  uint8: 8,
  int8: 8,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  float32: 32,
  int64: 64,
  uint64: 64,
  float64: 64,
  float128: 128,
  complex64: 64,
  complex128: 128,
};
const REFUSED_TYPES: Readonly<Record<number, string>> = {
  0: 'unknown',
  1: '1-bit',
  2048: '256-bit complex',
};

/** Where the fields lie in each variant: [offset, kind]. */
const FIELDS = {
  'nifti-1': {
    dim: 40,
    type: 70,
    bitpix: 72,
    pixdim: 76,
    voxOffset: 108,
    slope: 112,
    inter: 116,
    units: 123,
    qform: 252,
    sform: 254,
    quatern: 256,
    srow: 280,
    intent: 68,
    end: 348,
  },
  'nifti-2': {
    dim: 16,
    type: 12,
    bitpix: 14,
    pixdim: 104,
    voxOffset: 168,
    slope: 176,
    inter: 184,
    units: 500,
    qform: 344,
    sform: 348,
    quatern: 352,
    srow: 400,
    intent: 504,
    end: 540,
  },
} as const;

/** Bytes that `parseNiftiHeader` wants to see: the longer header and the extension flag. */
export const NIFTI_HEAD_BYTES = 544;

const hasMagic = (head: Uint8Array, at: number, first: string): boolean =>
  head.length >= at + 4 &&
  head[at] === first.charCodeAt(0) &&
  (head[at + 1] === 0x2b || head[at + 1] === 0x69) &&
  head[at + 3] === 0;

/** The variant and byte order that the first bytes announce, or undefined. */
export function sniffNifti(
  head: Uint8Array,
): { readonly variant: NiftiVariant; readonly littleEndian: boolean } | undefined {
  if (head.length < 4) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  for (const littleEndian of [true, false]) {
    const size = view.getInt32(0, littleEndian);
    if (size === 540) return { variant: 'nifti-2', littleEndian };
    if (size === 348)
      return { variant: head.length < 348 || hasMagic(head, 344, 'n') ? 'nifti-1' : 'analyze', littleEndian };
  }
  return undefined;
}

/**
 * Reads and checks a header. `mayBeAnalyze`: the file's name (.hdr, .img) allows a header without a magic number.
 *
 * Throws: FormatError naming the field and its byte offset.
 */
export function parseNiftiHeader(
  head: Uint8Array,
  { file, mayBeAnalyze }: { readonly file?: string | undefined; readonly mayBeAnalyze: boolean },
): NiftiHeader {
  const who = file ?? 'bytes';
  const fail = (
    field: string,
    byteOffset: number,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
  ): never => {
    throw new FormatError(`${who}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      field,
      byteOffset,
      details,
    });
  };
  const kind = sniffNifti(head);
  if (!kind)
    return fail(
      'sizeof_hdr',
      0,
      'sizeof_hdr is neither 348 (NIfTI-1, Analyze) nor 540 (NIfTI-2) in either byte order; this is no NIfTI file.',
    );
  const { variant, littleEndian } = kind;
  const at = FIELDS[variant === 'nifti-2' ? 'nifti-2' : 'nifti-1'];
  if (head.length < at.end)
    return fail(
      'header',
      head.length,
      `the header takes ${at.end} bytes, the file ends at byte ${head.length}; it is incomplete.`,
    );
  const magicAt = variant === 'nifti-2' ? 4 : 344;
  if (variant === 'analyze' && !(mayBeAnalyze && head[344] !== 0x6e))
    return fail(
      'magic',
      344,
      `the magic number at byte 344 is [${[...head.subarray(344, 348)].join(', ')}], not "n+1" or "ni1"; the header is damaged or not NIfTI.`,
    );
  if (variant === 'nifti-2' && !hasMagic(head, magicAt, 'n'))
    return fail('magic', magicAt, 'the magic number is not "n+2" or "ni2"; the header is damaged.');

  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const wide = variant === 'nifti-2';
  const int = (offset: number): number =>
    wide ? Number(view.getBigInt64(offset, littleEndian)) : view.getInt16(offset, littleEndian);
  const code = (offset: number): number =>
    wide ? view.getInt32(offset, littleEndian) : view.getInt16(offset, littleEndian);
  const real = (offset: number): number =>
    wide ? view.getFloat64(offset, littleEndian) : view.getFloat32(offset, littleEndian);
  const width = wide ? 8 : 4;
  const reals = (offset: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => real(offset + i * width));
  const warnings: FormatWarning[] = [];
  const warn = (warningCode: string, field: string, byteOffset: number, message: string): void =>
    void warnings.push({ code: warningCode, field, byteOffset, message: `${who}: ${message}` });

  const ndim = int(at.dim);
  if (!(ndim >= 1 && ndim <= 7))
    return fail('dim[0]', at.dim, `dim[0] is ${ndim}, the number of axes must be 1 to 7.`, { ndim });
  const sizes = Array.from({ length: ndim }, (_, i) => int(at.dim + (i + 1) * (wide ? 8 : 2)));
  sizes.forEach((n, i) => {
    if (n < 1 || n > Number.MAX_SAFE_INTEGER)
      fail(
        `dim[${i + 1}]`,
        at.dim + (i + 1) * (wide ? 8 : 2),
        `dim[${i + 1}] is ${n}; every axis needs at least one voxel.`,
        { sizes },
      );
  });

  const datatype = view.getInt16(at.type, littleEndian);
  const known = TYPES[datatype];
  if (!known)
    return fail(
      'datatype',
      at.type,
      `datatype ${datatype}${REFUSED_TYPES[datatype] ? ` (${REFUSED_TYPES[datatype]})` : ''} is not supported; convert the image to a whole-number, float, RGB or 64- or 128-bit complex type.`,
      { datatype },
    );
  const [type, components] = known;
  const bitpix = view.getInt16(at.bitpix, littleEndian);
  if (bitpix !== BITS[type]! * components)
    warn(
      'bitpix',
      'bitpix',
      at.bitpix,
      `bitpix is ${bitpix}, datatype ${datatype} has ${BITS[type]! * components}; datatype rules.`,
    );

  const isPair = variant === 'analyze' || head[magicAt + 1] === 0x69;
  const voxelOffset = readVoxelOffset();
  if (!isPair && head.length > at.end && head[at.end] !== 0 && voxelOffset === at.end + 4)
    warn(
      'extension',
      'extension',
      at.end,
      'the extension flag is set, but the voxels follow at once; no extension is read.',
    );
  if (!isPair && head.length >= at.end + 8 && head[at.end] !== 0 && voxelOffset > at.end + 4) {
    const esize = view.getInt32(at.end + 4, littleEndian);
    if (esize < 8 || esize % 16 !== 0 || at.end + 4 + esize > voxelOffset)
      warn(
        'extension',
        'esize',
        at.end + 4,
        `the first extension claims ${esize} bytes, ${voxelOffset - at.end - 4} lie before the voxels; extensions are passed over.`,
      );
  }
  const rawSlope = real(at.slope);
  const rawInter = real(at.inter);
  const scaled = Number.isFinite(rawSlope) && rawSlope !== 0;
  if (scaled && !Number.isFinite(rawInter))
    return fail(
      'scl_inter',
      at.inter,
      `scl_inter is ${rawInter} while scl_slope is ${rawSlope}; the values have no meaning.`,
    );
  return {
    variant,
    littleEndian,
    isPair,
    sizes,
    type,
    components,
    voxelOffset,
    warnings,
    pixdim: reals(at.pixdim, 8),
    slope: scaled ? rawSlope : 1,
    inter: scaled ? rawInter : 0,
    qformCode: variant === 'analyze' ? 0 : code(at.qform),
    sformCode: variant === 'analyze' ? 0 : code(at.sform),
    quaternion: reals(at.quatern, 6),
    srow: reals(at.srow, 12),
    units: variant === 'analyze' ? 0 : wide ? view.getInt32(at.units, littleEndian) : head[at.units]!,
    intent: variant === 'analyze' ? 0 : code(at.intent),
    origin: variant === 'analyze' ? [253, 255, 257].map((o) => view.getInt16(o, littleEndian)) : [0, 0, 0],
  };

  function readVoxelOffset(): number {
    const offset = wide ? Number(view.getBigInt64(at.voxOffset, littleEndian)) : real(at.voxOffset);
    const first = at.end + 4;
    if (!Number.isFinite(offset) || (isPair ? variant !== 'analyze' && offset < 0 : offset < 0))
      return fail('vox_offset', at.voxOffset, `vox_offset is ${offset}; it must be a byte position in the file.`, {
        offset,
      });
    if (isPair) return Math.abs(Math.trunc(offset));
    if (offset === 0) {
      warn(
        'vox_offset',
        'vox_offset',
        at.voxOffset,
        `vox_offset is 0 in a single file; the voxels are taken to start at byte ${first}.`,
      );
      return first;
    }
    if (offset < first || offset !== Math.trunc(offset))
      return fail(
        'vox_offset',
        at.voxOffset,
        `vox_offset is ${offset}; in a single file the voxels start at a whole byte, ${first} at the earliest.`,
        { offset },
      );
    return offset;
  }
}
