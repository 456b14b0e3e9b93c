/** From a NIfTI header to a grid: sform before qform before voxel sizes, units to millimetres, axes to array order. */
import { affineFrom, determinant3, linearPart, orthogonalize } from '@voxelwise/volume';
import type { Grid, Matrix3, PerAxis, WorldPoint } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import type { FormatWarning } from '../format.ts';
import { straighten } from '../place-grid.ts';
import type { NiftiHeader } from './nifti-header.ts';

/** xyzt_units: spatial code to millimetres. 0 (unknown) is taken as millimetres, as every tool does. */
const MILLIMETRES: Readonly<Record<number, number>> = { 0: 1, 1: 1000, 2: 1, 3: 0.001 };

export interface NiftiGeometry {
  readonly grid: Grid;
  readonly warnings: readonly FormatWarning[];
}

interface Placement {
  /** Columns are the steps along the file's x, y, z. */
  readonly linear: Matrix3;
  readonly origin: WorldPoint;
}

/**
 * Where the voxels lie. The rules: an sform (code > 0) that is finite and not flat; else a qform (code > 0); else, as nibabel
 * and SPM do, the voxel sizes with x to the left and the volume's center at the origin.
 *
 * Throws: FormatError if what the codes promise is not there, or if `shear` is 'refuse' and the axes are not at right angles.
 * Source: nifti1.h (Cox 2007), methods 1 to 3.
 */
export function niftiGeometry(
  header: NiftiHeader,
  {
    file,
    shear: onShear = 'keep',
  }: { readonly file?: string | undefined; readonly shear?: 'keep' | 'refuse' | 'resample' | undefined },
): NiftiGeometry {
  const who = file ?? 'bytes';
  const warnings: FormatWarning[] = [];
  const warn = (code: string, field: string, message: string): void =>
    void warnings.push({ code, field, message: `${who}: ${message}` });
  const fail = (field: string, byteOffset: number, message: string): never => {
    throw new FormatError(`${who}: ${message}`, { ...(file === undefined ? {} : { file }), field, byteOffset });
  };
  const wide = header.variant === 'nifti-2';
  const zooms = [1, 2, 3].map((axis) =>
    axis <= header.sizes.length || header.variant !== 'analyze' ? header.pixdim[axis]! : 1,
  );
  const units = MILLIMETRES[header.units & 7] ?? 1;
  if (!((header.units & 7) in MILLIMETRES))
    warn('units', 'xyzt_units', `spatial unit ${header.units & 7} is unknown; millimetres are assumed.`);

  const placement = pick();
  const scaled: Matrix3 = placement.linear.map((v) => v * units) as unknown as Matrix3;
  const shape: PerAxis = [header.sizes[2] ?? 1, header.sizes[1] ?? 1, header.sizes[0]!];
  const [xx, yx, zx, xy, yy, zy, xz, yz, zz] = scaled; // row-major: rows R, A, S; columns x, y, z
  const affine = affineFrom(
    [zx, yx, xx, zy, yy, xy, zz, yz, xz],
    placement.origin.map((v) => v * units) as unknown as WorldPoint,
  );
  const straight = straighten(
    { shape, affine },
    { file, shear: onShear, field: 'srow_x', byteOffset: wide ? 400 : 280 },
  );
  return { grid: straight.grid, warnings: [...warnings, ...straight.warnings] };

  function pick(): Placement {
    if (header.sformCode > 0) {
      const s = bySform();
      if (isPlacement(s)) return snapToVoxelSizes(s);
      if (header.qformCode <= 0)
        return fail(
          'srow_x',
          wide ? 400 : 280,
          'the sform is not finite or flat, and there is no qform; the orientation is lost.',
        );
      warn('sform', 'srow_x', 'the sform is not finite or flat; the qform is used.');
    }
    if (header.qformCode > 0) return byQform();
    if (header.variant !== 'analyze')
      warn(
        'no-orientation',
        'qform_code',
        'neither qform nor sform is set; x is taken to grow to the left, the center to be the origin.',
      );
    return byVoxelSizes();
  }

  function bySform(): Placement {
    const [a, b, c, d, e, f, g, h, i, j, k, l] = header.srow as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return { linear: [a, b, c, e, f, g, i, j, k], origin: [d, h, l] };
  }

  /** The sform's rows are rounded to float32; where its column lengths are pixdim up to that rounding, pixdim is meant. */
  function snapToVoxelSizes({ linear, origin }: Placement): Placement {
    const factors = [0, 1, 2].map((c) => {
      const length = Math.hypot(linear[c]!, linear[3 + c]!, linear[6 + c]!);
      return Math.abs(length - zooms[c]!) <= 1e-6 * length ? zooms[c]! / length : 1;
    });
    return { linear: linear.map((v, n) => v * factors[n % 3]!) as unknown as Matrix3, origin };
  }

  function checkedZooms(): readonly number[] {
    return zooms.map((zoom, axis) => {
      const pixdimAt = (wide ? 104 : 76) + (axis + 1) * (wide ? 8 : 4);
      if (!Number.isFinite(zoom))
        return fail(
          `pixdim[${axis + 1}]`,
          pixdimAt,
          `pixdim[${axis + 1}] is ${zoom}; a voxel size in millimetres was expected.`,
        );
      if (zoom !== 0) return Math.abs(zoom);
      if (axis < header.sizes.length && (header.sizes[axis] ?? 1) > 1)
        return fail(
          `pixdim[${axis + 1}]`,
          pixdimAt,
          `pixdim[${axis + 1}] is 0 and no sform says otherwise; the voxel size is lost.`,
        );
      warn('pixdim', `pixdim[${axis + 1}]`, `pixdim[${axis + 1}] of an axis with one voxel is 0; 1 mm is used.`);
      return 1;
    });
  }

  function byQform(): Placement {
    const [b0, c0, d0, x, y, z] = header.quaternion as [number, number, number, number, number, number];
    const at = wide ? 352 : 256;
    const square = b0 * b0 + c0 * c0 + d0 * d0;
    if (!Number.isFinite(square) || ![x, y, z].every(Number.isFinite))
      return fail('quatern_b', at, 'the quaternion or offset of the qform is not finite; the orientation is lost.');
    if (square > 1 + 1e-5)
      warn(
        'quaternion',
        'quatern_b',
        `the quaternion's length is ${Math.sqrt(square).toPrecision(6)}, more than 1; it is scaled to 1.`,
      );
    const length = square > 1 ? Math.sqrt(square) : 1;
    const [b, c, d] = [b0 / length, c0 / length, d0 / length];
    const a = Math.sqrt(Math.max(0, 1 - (b * b + c * c + d * d)));
    const [dx, dy, dz] = checkedZooms() as [number, number, number];
    const k = header.pixdim[0]! < 0 ? -dz : dz;
    return {
      linear: [
        (a * a + b * b - c * c - d * d) * dx,
        2 * (b * c - a * d) * dy,
        2 * (b * d + a * c) * k,
        2 * (b * c + a * d) * dx,
        (a * a + c * c - b * b - d * d) * dy,
        2 * (c * d - a * b) * k,
        2 * (b * d - a * c) * dx,
        2 * (c * d + a * b) * dy,
        (a * a + d * d - c * c - b * b) * k,
      ],
      origin: [x, y, z],
    };
  }

  function byVoxelSizes(): Placement {
    const [dx, dy, dz] = checkedZooms() as [number, number, number];
    const sizes = [0, 1, 2].map((axis) => header.sizes[axis] ?? 1);
    const asked = header.origin;
    const useAsked = asked.some((v) => v !== 0) && asked.every((v, axis) => v > -sizes[axis]! && v < 2 * sizes[axis]!);
    const center = sizes.map((n, axis) => (useAsked ? asked[axis]! - 1 : (n - 1) / 2));
    return { linear: [-dx, 0, 0, 0, dy, 0, 0, 0, dz], origin: [center[0]! * dx, -center[1]! * dy, -center[2]! * dz] };
  }
}

function isPlacement({ linear, origin }: Placement): boolean {
  if (![...linear, ...origin].every(Number.isFinite)) return false;
  const lengths = [0, 1, 2].map((c) => Math.hypot(linear[c]!, linear[3 + c]!, linear[6 + c]!));
  return (
    lengths.every((l) => l > 0 && l < 1e9) &&
    Math.abs(determinant3(linear)) > 1e-6 * lengths[0]! * lengths[1]! * lengths[2]!
  );
}

/** The quaternion part of a header for a grid with right angles, in the file's axis order. */
export interface Qform {
  readonly quaternion: readonly [number, number, number];
  /** pixdim[0]: 1, or -1 when the axes are left-handed. */
  readonly handedness: 1 | -1;
}

/** The rotation of a grid as a quaternion. Source: nifti1.h, `nifti_mat44_to_quatern`'s definition; largest component first. */
export function qformOf(grid: Grid): Qform {
  const { grid: straight } = orthogonalize(grid);
  const m = linearPart(straight.affine);
  const unit = (c: number): number[] => {
    const v = [m[c]!, m[3 + c]!, m[6 + c]!];
    const length = Math.hypot(...v);
    return v.map((w) => w / length);
  };
  const [x, y, z] = [unit(2), unit(1), unit(0)] as [number[], number[], number[]];
  const r: Matrix3 = [x[0]!, y[0]!, z[0]!, x[1]!, y[1]!, z[1]!, x[2]!, y[2]!, z[2]!];
  const handedness = determinant3(r) < 0 ? -1 : 1;
  const [r11, r12, r13, r21, r22, r23, r31, r32, r33] = r.map((v, i) =>
    i % 3 === 2 ? v * handedness : v,
  ) as unknown as [number, number, number, number, number, number, number, number, number];
  const squares = [1 + r11 + r22 + r33, 1 + r11 - r22 - r33, 1 - r11 + r22 - r33, 1 - r11 - r22 + r33];
  const largest = squares.indexOf(Math.max(...squares));
  const s = 2 * Math.sqrt(squares[largest]!);
  const [a, b, c, d] = (
    [
      [s / 4, (r32 - r23) / s, (r13 - r31) / s, (r21 - r12) / s],
      [(r32 - r23) / s, s / 4, (r12 + r21) / s, (r13 + r31) / s],
      [(r13 - r31) / s, (r12 + r21) / s, s / 4, (r23 + r32) / s],
      [(r21 - r12) / s, (r13 + r31) / s, (r23 + r32) / s, s / 4],
    ] as const
  )[largest as 0 | 1 | 2 | 3];
  const sign = a < 0 ? -1 : 1;
  return { quaternion: [sign * b, sign * c, sign * d], handedness };
}
