/** The .mat that SPM puts beside an Analyze pair: where the voxels lie. Source: MATLAB's MAT-file format (levels 4 and 5); nibabel's spm99analyze for their meaning. */
import { affineFrom } from '@voxelwise/volume';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { collect, inSteps } from '../../bytes/collect.ts';
import { inflate } from '../../bytes/deflate.ts';
import { FormatError } from '../../errors.ts';

/** A matrix, columns one after another. */
interface Matrix {
  readonly sizes: readonly number[];
  readonly values: readonly number[];
}

const MOST_BYTES = 1 << 20;
type Reader = (view: DataView, at: number, littleEndian: boolean) => number;
const int8: readonly [number, Reader] = [1, (v, at) => v.getInt8(at)];
const uint8: readonly [number, Reader] = [1, (v, at) => v.getUint8(at)];
const int16: readonly [number, Reader] = [2, (v, at, e) => v.getInt16(at, e)];
const uint16: readonly [number, Reader] = [2, (v, at, e) => v.getUint16(at, e)];
const int32: readonly [number, Reader] = [4, (v, at, e) => v.getInt32(at, e)];
const uint32: readonly [number, Reader] = [4, (v, at, e) => v.getUint32(at, e)];
const single: readonly [number, Reader] = [4, (v, at, e) => v.getFloat32(at, e)];
const double: readonly [number, Reader] = [8, (v, at, e) => v.getFloat64(at, e)];
/** Numbers by level 4's digit and by level 5's type. */
const LEVEL_4: readonly (readonly [number, Reader])[] = [double, single, int32, int16, uint16, uint8];
const LEVEL_5: Readonly<Record<number, readonly [number, Reader]>> = {
  1: int8,
  2: uint8,
  3: int16,
  4: uint16,
  5: int32,
  6: uint32,
  7: single,
  9: double,
};
const MATRIX = 14;
const COMPRESSED = 15;

/**
 * The affine, voxel index (z, y, x) to RAS+ millimetres: `mat` as it stands, or `M` with x flipped, as SPM and nibabel read them.
 * Undefined for an empty file. Throws: FormatError.
 */
export async function spmAffine(source: ByteSource): Promise<Float64Array | undefined> {
  const file = source.name ?? 'mat';
  const fail = (message: string, byteOffset = 0): never => {
    throw new FormatError(
      `${file}: ${message} Without it the position of the Analyze pair is lost; delete it only if it may be.`,
      {
        file,
        field: 'mat',
        byteOffset,
      },
    );
  };
  if (source.size === 0) return undefined;
  if (source.size > MOST_BYTES) return fail(`has ${source.size} bytes, too many for the position of an image.`);
  const bytes = await source.read(0, source.size);
  let matrices: ReadonlyMap<string, Matrix>;
  try {
    matrices = isLevel5(bytes) ? await level5(bytes) : level4(bytes);
  } catch (error) {
    if (error instanceof RangeError) return fail('is cut off.', bytes.length);
    throw error;
  }
  const found = matrices.get('mat') ?? matrices.get('M');
  if (found === undefined)
    return fail(`holds ${[...matrices.keys()].join(', ') || 'nothing'}; a matrix "mat" or "M" was expected.`);
  const flip = matrices.has('mat') ? 1 : -1;
  const { sizes, values } = found;
  if (sizes[0] !== 4 || sizes[1] !== 4 || values.length < 16 || !values.slice(0, 16).every(Number.isFinite))
    return fail(`its matrix is ${sizes.join(' x ')}; 4 x 4 finite numbers were expected.`);
  const at = (row: number, column: number): number => values[4 * column + row]! * (row === 0 ? flip : 1);
  // voxels are counted from 1
  const origin = [0, 1, 2].map((row) => at(row, 0) + at(row, 1) + at(row, 2) + at(row, 3));
  return affineFrom(
    [0, 1, 2].flatMap((row) => [at(row, 2), at(row, 1), at(row, 0)]) as unknown as Parameters<typeof affineFrom>[0],
    origin as unknown as Parameters<typeof affineFrom>[1],
  );
}

function isLevel5(bytes: Uint8Array): boolean {
  const mark = String.fromCharCode(...bytes.subarray(126, 128));
  return mark === 'IM' || mark === 'MI';
}

function text(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes).replace(/\0[^]*$/, '');
}

function level4(bytes: Uint8Array): ReadonlyMap<string, Matrix> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<string, Matrix>();
  for (let at = 0; at < bytes.length;) {
    const littleEndian = view.getUint32(at, true) < 10_000;
    const [mode, rows, columns, imaginary, nameLength] = [0, 4, 8, 12, 16].map((o) =>
      view.getUint32(at + o, littleEndian),
    ) as [number, number, number, number, number];
    const [size, read] = LEVEL_4[Math.floor(mode / 10) % 10] ?? double;
    const start = at + 20 + nameLength;
    const count = rows * columns;
    if (start + count * size > bytes.length) throw new RangeError();
    const values = Array.from({ length: count }, (_, i) => read(view, start + i * size, littleEndian));
    found.set(text(bytes.subarray(at + 20, start)), { sizes: [rows, columns], values });
    at = start + count * size * (imaginary === 0 ? 1 : 2);
  }
  return found;
}

interface Element {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** The elements of a level 5 file or matrix, one after another. */
function elements(bytes: Uint8Array, littleEndian: boolean): readonly Element[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Element[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const first = view.getUint32(at, littleEndian);
    // four bytes or fewer stand in the tag itself, their number in its upper half
    const inTag = first >>> 16;
    const [type, length] = inTag > 0 ? [first & 0xffff, inTag] : [first, view.getUint32(at + 4, littleEndian)];
    const start = at + (inTag > 0 ? 4 : 8);
    if (length > bytes.length - start) throw new RangeError();
    found.push({ type, bytes: bytes.subarray(start, start + length) });
    at = inTag > 0 ? at + 8 : start + (type === COMPRESSED ? length : Math.ceil(length / 8) * 8);
  }
  return found;
}

async function level5(bytes: Uint8Array): Promise<ReadonlyMap<string, Matrix>> {
  const littleEndian = bytes[126] === 0x49;
  const found = new Map<string, Matrix>();
  for (const outer of elements(bytes.subarray(128), littleEndian)) {
    const [whole] =
      outer.type === COMPRESSED
        ? elements(await collect(inflate(inSteps(outer.bytes), 'zlib'), MOST_BYTES), littleEndian)
        : [outer];
    if (whole?.type !== MATRIX) continue;
    const [, sizes, name, real] = elements(whole.bytes, littleEndian);
    const numbers = ({ type, bytes: raw }: Element): readonly number[] => {
      const [size, read] = LEVEL_5[type] ?? double;
      const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
      return Array.from({ length: Math.floor(raw.length / size) }, (_, i) => read(view, i * size, littleEndian));
    };
    if (sizes && name && real && real.type in LEVEL_5)
      found.set(text(name.bytes), { sizes: numbers(sizes), values: numbers(real) });
  }
  return found;
}
