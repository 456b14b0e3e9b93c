/** From a header's axes to a grid: file order to array order, left-posterior to right-anterior, rounding repaired, shear refused or told. */
import { affineFrom, alignedGrid, orthogonalize, shear } from '@voxelwise/volume';
import type { Grid, Matrix3, PerAxis } from '@voxelwise/volume';
import { FormatError } from '../errors.ts';
import type { FormatWarning } from './format.ts';

type Vector = readonly number[];

export interface PlaceOptions {
  readonly file?: string | undefined;
  /** 'resample' keeps the axes here: whoever opened the file resamples what was read. */
  readonly shear?: 'keep' | 'refuse' | 'resample' | undefined;
  /** The header field that holds the axes, for messages. */
  readonly field: string;
  readonly byteOffset?: number;
}

export interface PlacedGrid {
  readonly grid: Grid;
  readonly warnings: readonly FormatWarning[];
}

/**
 * A grid from the file's own axes, fastest first: one step along each in millimetres, and the first voxel's position.
 *
 * `frame`: 'LPS' as ITK and DICOM write, 'RAS' as NIfTI does. Throws: FormatError if numbers are not finite, axes are flat or,
 * when asked, sheared.
 */
export function placeGrid(
  sizes: Vector,
  steps: readonly Vector[],
  origin: Vector,
  frame: 'LPS' | 'RAS',
  options: PlaceOptions,
): PlacedGrid {
  const sign = frame === 'LPS' ? [-1, -1, 1] : [1, 1, 1];
  const shape: PerAxis = [sizes[2] ?? 1, sizes[1] ?? 1, sizes[0]!];
  const at = (row: number, axis: number): number => steps[axis]![row]! * sign[row]!;
  const linear = [0, 1, 2].flatMap((row) => [at(row, 2), at(row, 1), at(row, 0)]) as unknown as Matrix3;
  const position = [0, 1, 2].map((row) => origin[row]! * sign[row]!) as unknown as PerAxis;
  if (![...linear, ...position].every(Number.isFinite))
    fail(options, 'the axes or the origin are not finite numbers; the position is lost.');
  const lengths = [0, 1, 2].map((c) => Math.hypot(linear[c]!, linear[3 + c]!, linear[6 + c]!));
  if (!lengths.every((l) => l > 0)) fail(options, 'an axis has no length; voxel sizes must be positive.');
  return straighten({ shape, affine: affineFrom(linear, position) }, options);
}

/** A grid whose rounding is repaired; shear is kept with a warning or refused. Throws: FormatError, GeometryError if an axis is flat. */
export function straighten(grid: Grid, options: PlaceOptions): PlacedGrid {
  const who = options.file ?? 'bytes';
  const deviation = shear(grid);
  if (deviation <= 1e-5) return { grid, warnings: [] };
  if (deviation <= 2e-3)
    return {
      grid: orthogonalize(grid).grid,
      warnings: [
        {
          code: 'direction',
          field: options.field,
          message: `${who}: the axes were ${deviation.toPrecision(2)} from right angles (rounding); they are made orthogonal.`,
        },
      ],
    };
  if (options.shear === 'refuse')
    fail(
      options,
      `the axes are sheared (${deviation.toPrecision(3)} from right angles, at most 0.002 counts as rounding); read it with shear: 'resample', or resample it onto a grid with right angles.`,
    );
  return {
    grid,
    warnings: [
      {
        code: 'shear',
        field: options.field,
        message: `${who}: the axes are sheared: ${deviation.toPrecision(3)} from right angles; distances along them are not spacings.`,
      },
    ],
  };
}

function fail({ file, field, byteOffset }: PlaceOptions, message: string): never {
  throw new FormatError(`${file ?? 'bytes'}: ${message}`, {
    ...(file === undefined ? {} : { file }),
    field,
    byteOffset: byteOffset ?? 0,
  });
}

/** The grid of an image without a position: x to the patient's left, y to the back, as ITK places them. */
export function imageGrid(shape: PerAxis, spacingMm: PerAxis = [1, 1, 1]): Grid {
  const grid = alignedGrid(shape, spacingMm);
  return { shape, affine: grid.affine.map((v, i) => (i < 8 && v !== 0 ? -v : v)) as Float64Array };
}

/** One step per file axis and the origin, as LPS writers need them: columns x, y, z. */
export function lpsAxes(grid: Grid): { readonly steps: readonly Vector[]; readonly origin: Vector } {
  const a = grid.affine;
  const column = (c: number): Vector => [-a[c]! + 0, -a[4 + c]! + 0, a[8 + c]!];
  return { steps: [column(2), column(1), column(0)], origin: column(3) };
}
