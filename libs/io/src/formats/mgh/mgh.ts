/** MGH and MGZ, FreeSurfer's volumes: reading. Source: FreeSurfer's description of the MGH format; nibabel's freesurfer.mghformat. */
import { UnpackedSource } from '../../bytes/unpacked-source.ts';
import { FormatError } from '../../errors.ts';
import type { StoredType } from '../../voxels/stored-type.ts';
import { checkBlock } from '../../voxels/voxel-block.ts';
import type { VoxelBlock } from '../../voxels/voxel-block.ts';
import type { FormatWarning, VolumeFormat } from '../format.ts';
import { placeGrid } from '../place-grid.ts';
import { rawReader } from '../raw-reader.ts';

const HEADER_BYTES = 284;
const TYPES: Readonly<Record<number, StoredType>> = { 0: 'uint8', 1: 'int32', 3: 'float32', 4: 'int16', 10: 'uint16' };
/** Axes of a file that gives none: x to the left, y to the feet, z to the front. */
const CORONAL = [
  [-1, 0, 0],
  [0, 0, -1],
  [0, 1, 0],
];

export const mgh: VolumeFormat = {
  name: 'mgh',
  endings: ['.mgz', '.mgh'],
  // no magic number: version 1 in front is all there is, so the name is asked
  recognises: (_head, name) => /\.mg[hz]$/.test(name),

  async open(source, options) {
    const file = source.name;
    const fail = (field: string, byteOffset: number, message: string): never => {
      throw new FormatError(`${file ?? 'mgh'}: ${message}`, {
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
    const int = (offset: number): number => view.getInt32(offset, false);
    const reals = (offset: number): readonly number[] => [0, 4, 8].map((more) => view.getFloat32(offset + more, false));
    if (int(0) !== 1)
      return fail('version', 0, `begins with version ${int(0)}; version 1 is read. It may be no MGH file.`);
    const sizes = [int(4), int(8), int(12)];
    const frames = int(16);
    [...sizes, frames].forEach((n, i) => {
      if (n < 1) fail('size', 4 + 4 * i, `an axis has ${n} voxels (${sizes.join(' x ')}, ${frames} frames).`);
    });
    const type =
      TYPES[int(20)] ?? fail('type', 20, `type ${int(20)} is not read; known are ${Object.keys(TYPES).join(', ')}.`);
    const block: VoxelBlock = {
      type,
      littleEndian: false,
      shape: [sizes[2]!, sizes[1]!, sizes[0]!],
      components: 1,
      volumes: frames,
      slope: 1,
      inter: 0,
    };
    checkBlock(block, Math.max(0, unpacked.available - HEADER_BYTES), {
      file,
      maxBytes: options.maxBytes,
      byteOffset: 4,
    });
    const placed = view.getInt16(28, false) !== 0;
    const mm = placed ? reals(30) : [1, 1, 1];
    const directions = placed ? [reals(42), reals(54), reals(66)] : CORONAL;
    const center = placed ? reals(78) : [0, 0, 0];
    const steps = directions.map((direction, axis) => direction.map((v) => v * mm[axis]!));
    // the center is that of the voxel with index size / 2
    const origin = center.map((v, row) => steps.reduce((sum, step, axis) => sum - (step[row]! * sizes[axis]!) / 2, v));
    const { grid, warnings } = placeGrid(sizes, steps, origin, 'RAS', {
      file,
      shear: options.shear,
      field: 'Mdc',
      byteOffset: 42,
    });
    const unplaced: FormatWarning = {
      code: 'no-orientation',
      field: 'goodRASFlag',
      byteOffset: 28,
      message: `${file ?? 'mgh'}: says nothing about its position; coronal slices of 1 mm are assumed, as FreeSurfer does.`,
    };
    return rawReader(
      {
        grid,
        block,
        kind: 'intensity',
        source: {
          format: 'mgh',
          variant: unpacked.packed || /z$/i.test(file ?? '') ? 'mgz' : 'mgh',
          storedType: type,
          dimensions: frames > 1 ? 4 : 3,
          slope: 1,
          inter: 0,
          warnings: placed ? warnings : [...warnings, unplaced],
        },
        open: () => unpacked.streamAt(HEADER_BYTES, 'voxels'),
        finish: (stream) => unpacked.finish(stream),
      },
      { ...options, ...(file === undefined ? {} : { fileName: file }) },
    );
  },
};
