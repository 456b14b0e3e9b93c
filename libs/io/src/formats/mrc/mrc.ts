/** MRC 2014, the format of electron microscopy: reading. Source: Cheng et al. 2015, MRC2014 extensions. */
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
};
const HEADER_BYTES = 1024;
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
    // the machine stamp is often wrong; the first axis, read the wrong way round, is absurdly long
    const littleEndian =
      view.getUint32(12, true) <= 0xffff ? true : view.getUint32(12, false) <= 0xffff ? false : head[212] === 0x44;
    const int = (offset: number): number => view.getInt32(offset, littleEndian);
    const real = (offset: number): number => view.getFloat32(offset, littleEndian);
    const sizes = [int(0), int(4), int(8)];
    sizes.forEach((n, i) => {
      if (n < 1) fail('nx, ny, nz', 4 * i, `axis ${'xyz'[i]} has ${n} voxels.`);
    });
    const type =
      MODES[int(12)] ?? fail('mode', 12, `mode ${int(12)} is not read; known are ${Object.keys(MODES).join(', ')}.`);
    const extended = int(92);
    if (extended < 0) return fail('nsymbt', 92, `the extended header has ${extended} bytes.`);
    const block: VoxelBlock = {
      type,
      littleEndian,
      shape: [sizes[2]!, sizes[1]!, sizes[0]!],
      components: 1,
      volumes: 1,
      slope: 1,
      inter: 0,
    };
    const offset = HEADER_BYTES + extended;
    checkBlock(block, Math.max(0, unpacked.available - offset), { file, maxBytes: options.maxBytes, byteOffset: 0 });
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
    if (![int(64), int(68), int(72)].every((axis, i) => axis === i + 1 || axis === 0))
      warn(
        'axes',
        'mapc',
        64,
        `the axes are stored as ${int(64)}, ${int(68)}, ${int(72)}; they are kept in the file's order.`,
      );
    const origin = [196, 200, 204].map(real);
    const scale = known ? ANGSTROM : 1;
    const steps = [0, 1, 2].map((axis) =>
      [0, 1, 2].map((row) => (row === axis ? (known ? cell[axis]! : 1) * scale : 0)),
    );
    const { grid } = placeGrid(
      sizes,
      steps,
      origin.map((v) => (Number.isFinite(v) ? v * scale : 0)),
      'LPS',
      { file, shear: options.shear, field: 'cella' },
    );
    return rawReader(
      {
        grid,
        block,
        kind: 'intensity',
        source: { format: 'mrc', variant: 'mrc2014', storedType: type, dimensions: 3, slope: 1, inter: 0, warnings },
        open: () => unpacked.streamAt(offset, 'nsymbt'),
        finish: (stream) => unpacked.finish(stream),
      },
      { ...options, ...(file === undefined ? {} : { fileName: file }) },
    );
  },
};
