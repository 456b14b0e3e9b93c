/** MRC 2014, the format of electron microscopy: reading. Source: Cheng et al. 2015, MRC2014 extensions. */
import { ByteStream } from '../../bytes/byte-stream.ts';
import { UnpackedSource } from '../../bytes/unpacked-source.ts';
import { FormatError } from '../../errors.ts';
import type { StoredType } from '../../voxels/stored-type.ts';
import { checkBlock } from '../../voxels/voxel-block.ts';
import type { VoxelBlock } from '../../voxels/voxel-block.ts';
import type { FormatWarning, VolumeFormat } from '../format.ts';
import { placeGrid } from '../place-grid.ts';
import { rawReader } from '../raw-reader.ts';

const MODES: Readonly<Record<number, StoredType>> = {
  0: 'int8',
  1: 'int16',
  2: 'float32',
  4: 'complex64',
  6: 'uint16',
  12: 'float16',
  101: 'uint8',
};
/** Four bits to a voxel, the first in the lower half of a byte, rows beginning at whole bytes. Source: IMOD. */
const HALF_BYTES = 101;
const HEADER_BYTES = 1024;
const IMOD_STAMP = 1146047817;
/** Space group numbers from here on say that the file holds several volumes. */
const VOLUME_STACK = 401;
/** Ångström in millimetres. */
const ANGSTROM = 1e-7;

export const mrc: VolumeFormat = {
  name: 'mrc',
  endings: ['.mrc', '.mrcs', '.map', '.rec', '.st'],
  recognises: (head, name) =>
    (head.length >= 212 && head[208] === 0x4d && head[209] === 0x41 && head[210] === 0x50) ||
    /\.(mrc|mrcs|map)$/.test(name),

  async open(source, options) {
    const file = source.name;
    const fail = (field: string, byteOffset: number, message: string): never => {
      throw new FormatError(`${file ?? 'mrc'}: ${message}`, {
        ...(file === undefined ? {} : { file }),
        field,
        byteOffset,
      });
    };
    const unpacked = await UnpackedSource.open(source);
    const head = await unpacked.head(HEADER_BYTES);
    if (head.length < HEADER_BYTES)
      return fail(
        'header',
        head.length,
        `the header takes ${HEADER_BYTES} bytes, the file ends at byte ${head.length}.`,
      );
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    // the machine stamp is often wrong; a mode or an axis, read the wrong way round, is absurdly large. Mode 0 is 0 both ways
    const telling = view.getUint32(12, true) === 0 ? 0 : 12;
    const littleEndian =
      view.getUint32(telling, true) <= 0xffff
        ? true
        : view.getUint32(telling, false) <= 0xffff
          ? false
          : head[212] === 0x44;
    const int = (offset: number): number => view.getInt32(offset, littleEndian);
    const real = (offset: number): number => view.getFloat32(offset, littleEndian);
    const sizes = [int(0), int(4), int(8)];
    sizes.forEach((n, i) => {
      if (n < 1) fail('nx, ny, nz', 4 * i, `axis ${'xyz'[i]} has ${n} voxels.`);
    });
    const stored =
      MODES[int(12)] ?? fail('mode', 12, `mode ${int(12)} is not read; known are ${Object.keys(MODES).join(', ')}.`);
    // IMOD's files say whether their bytes have a sign; older ones have none
    const type = stored === 'int8' && int(152) === IMOD_STAMP && (int(156) & 1) === 0 ? 'uint8' : stored;
    // a stack of volumes: mz slices to each
    const slices = int(88) >= VOLUME_STACK && int(36) > 0 && sizes[2]! % int(36) === 0 ? int(36) : sizes[2]!;
    const extended = int(92);
    if (extended < 0) return fail('nsymbt', 92, `the extended header has ${extended} bytes.`);
    const block: VoxelBlock = {
      type,
      littleEndian,
      shape: [slices, sizes[1]!, sizes[0]!],
      components: 1,
      volumes: sizes[2]! / slices,
      slope: 1,
      inter: 0,
    };
    const offset = HEADER_BYTES + extended;
    const available = Math.max(0, unpacked.available - offset);
    const halves = int(12) === HALF_BYTES;
    checkBlock(block, halves ? 2 * available : available, { file, maxBytes: options.maxBytes, byteOffset: 0 });
    const warnings: FormatWarning[] = [];
    const warn = (code: string, field: string, byteOffset: number, message: string): void =>
      void warnings.push({ code, field, byteOffset, message: `${file ?? 'mrc'}: ${message}` });
    if (type === 'complex64') {
      if (options.complex === 'refuse') return fail('mode', 12, 'holds complex numbers; ask for their magnitude.');
      warn('complex', 'mode', 12, 'complex numbers are read as their magnitude.');
    }
    const cell = [0, 1, 2].map((axis) => real(40 + 4 * axis) / int(28 + 4 * axis));
    const known = cell.every((mm) => Number.isFinite(mm) && mm > 0);
    if (!known) warn('spacing', 'cella', 40, 'the cell has no size; 1 mm per voxel is used.');
    // columns, rows and sections lie along the axes 1 to 3 of space
    const along = [64, 68, 72].map((at) => int(at) - 1);
    const named = [0, 1, 2].every((axis) => along.includes(axis));
    if (!named && along.some((axis) => axis !== -1))
      warn('axes', 'mapc', 64, `the axes are numbered ${along.map((n) => n + 1).join(', ')}; 1, 2, 3 is taken.`);
    const axes = named ? along : [0, 1, 2];
    const scale = known ? ANGSTROM : 1;
    const length = (axis: number): number => (known ? cell[axis]! : 1) * scale;
    const stated = [196, 200, 204].map(real).map((v) => (Number.isFinite(v) ? v * scale : 0));
    // where there is no origin, the place of the first voxel in the cell is one (crystallography)
    const start = [0, 1, 2].map((axis) => int(16 + 4 * axes.indexOf(axis)) * length(axis));
    const { grid } = placeGrid(
      [sizes[0]!, sizes[1]!, slices],
      axes.map((axis) => [0, 1, 2].map((row) => (row === axis ? length(axis) : 0))),
      stated.some((v) => v !== 0) ? stated : start,
      'LPS',
      { file, shear: options.shear, field: 'cella' },
    );
    return rawReader(
      {
        grid,
        block,
        kind: 'intensity',
        source: { format: 'mrc', variant: 'mrc2014', storedType: type, dimensions: 3, slope: 1, inter: 0, warnings },
        open: async () => {
          const stream = await unpacked.streamAt(offset, 'nsymbt');
          return halves ? new ByteStream(splitHalves(stream, sizes[0]!), file) : stream;
        },
        finish: (stream) => (halves ? stream.close() : unpacked.finish(stream)),
      },
      { ...options, ...(file === undefined ? {} : { fileName: file }) },
    );
  },
};

/** Rows of half bytes as rows of bytes, until the stream ends. */
async function* splitHalves(packed: ByteStream, width: number): AsyncGenerator<Uint8Array> {
  const row = new Uint8Array(Math.ceil(width / 2));
  try {
    while ((await packed.fill(row)) === row.length)
      yield Uint8Array.from({ length: width }, (_, x) => (row[x >> 1]! >> (4 * (x & 1))) & 15);
  } finally {
    await packed.close();
  }
}
