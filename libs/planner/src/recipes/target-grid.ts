/**
 * The resolution a data set is brought to, the size its images have then, and the order of their axes.
 *
 * Source: nnU-Net v2, `determine_fullres_target_spacing` and `determine_transpose`.
 */
import { PlanError } from '../errors.ts';
import type { Fingerprint } from '../fingerprint/fingerprint.ts';
import { median, percentile, roundHalfEven } from '../fingerprint/statistics.ts';
import type { Explain } from './explanation.ts';

/** An axis is coarse when its spacing is above this many times the next, and its size below the others' by as much. */
const ANISOTROPY = 3;
const ANISOTROPIC_PERCENTILE = 10;

/** Everything in transposed order. */
export interface TargetGrid {
  /** Millimetres. */
  readonly spacing: readonly number[];
  /** Median size at that spacing, in voxels; may have halves. */
  readonly medianShape: readonly number[];
  /** Axis of the file's array that becomes the first, second, third. */
  readonly forward: readonly number[];
  /** Medians of the images as they are. */
  readonly originalSpacing: readonly number[];
  readonly originalShape: readonly number[];
}

export interface TargetGridOptions {
  /** Millimetres in the file's array order; replaces the rule. */
  readonly overwriteTargetSpacing?: readonly number[];
  readonly suppressTranspose?: boolean;
}

/** Throws: PlanError if the spacing given is not three positive numbers. */
export function targetGrid(fingerprint: Fingerprint, options: TargetGridOptions, explain: Explain): TargetGrid {
  const { shapes_after_crop: shapes, spacings } = fingerprint;
  const target = targetSpacing(fingerprint, options.overwriteTargetSpacing);
  const coarsest = argMax(target.spacing);
  const forward = options.suppressTranspose ? [0, 1, 2] : [coarsest, ...[0, 1, 2].filter((axis) => axis !== coarsest)];
  const inOrder = (values: readonly number[]): number[] => forward.map((axis) => values[axis]!);
  const resampled = spacings.map((spacing, i) =>
    target.spacing.map((t, axis) => roundHalfEven((spacing[axis]! / t) * shapes[i]![axis]!)),
  );
  const order = options.suppressTranspose
    ? 'transposing was suppressed'
    : 'the axis of the coarsest target spacing comes first';
  explain('transpose_forward', order, { target_spacing: target.spacing });
  explain('transpose_backward', 'undoes transpose_forward', { transpose_forward: forward });
  explain('original_median_spacing_after_transp', 'median over cases, transposed (mm)', {
    cases: spacings.length,
    transpose_forward: forward,
  });
  explain('original_median_shape_after_transp', 'median over cases after cropping, rounded, transposed', {
    cases: shapes.length,
    transpose_forward: forward,
  });
  explain('configurations.3d_fullres.spacing', `${target.rule}, transposed (mm)`, {
    ...target.from,
    transpose_forward: forward,
  });
  explain('configurations.2d.spacing', 'the full resolution without its first axis (mm)', {
    target_spacing: target.spacing,
    transpose_forward: forward,
  });
  return {
    spacing: inOrder(target.spacing),
    // Rounding can leave no voxel along a thin axis; the reference fails there.
    medianShape: inOrder(axisMedians(resampled).map((size) => size || 1)),
    forward,
    originalSpacing: inOrder(axisMedians(spacings)),
    originalShape: inOrder(axisMedians(shapes)).map(roundHalfEven),
  };
}

/** In the file's array order. */
interface TargetSpacing {
  readonly spacing: readonly number[];
  readonly rule: string;
  readonly from: Readonly<Record<string, unknown>>;
}

function targetSpacing(fingerprint: Fingerprint, overwrite: readonly number[] | undefined): TargetSpacing {
  const { shapes_after_crop: shapes, spacings } = fingerprint;
  if (overwrite !== undefined) {
    if (overwrite.length !== 3 || !overwrite.every((s) => Number.isFinite(s) && s > 0))
      throw new PlanError(
        `plan: overwriteTargetSpacing must be three positive numbers in mm, came [${overwrite.join(', ')}].`,
        { overwrite },
      );
    return { spacing: overwrite, rule: 'given by the user', from: { given: overwrite } };
  }
  const spacing = axisPercentiles(spacings, 50);
  const size = axisPercentiles(shapes, 50);
  const from = { median_spacing: [...spacing], median_shape: size, anisotropy_threshold: ANISOTROPY };
  const coarse = argMax(spacing);
  const others = [0, 1, 2].filter((axis) => axis !== coarse);
  const coarsestOther = Math.max(...others.map((axis) => spacing[axis]!));
  const anisotropic =
    spacing[coarse]! > ANISOTROPY * coarsestOther &&
    size[coarse]! * ANISOTROPY < Math.min(...others.map((axis) => size[axis]!));
  if (!anisotropic) return { spacing, rule: 'median over cases', from };
  const along = spacings.map((one) => one[coarse]!);
  const low = percentile(along, ANISOTROPIC_PERCENTILE);
  spacing[coarse] = low < coarsestOther ? Math.max(coarsestOther, low) + 1e-5 : low;
  const rule = `median over cases, but for the coarse axis its ${ANISOTROPIC_PERCENTILE}th percentile (not finer than the other axes)`;
  return { spacing, rule, from: { ...from, percentile_of_coarse_axis: low } };
}

function axisMedians(rows: readonly (readonly number[])[]): number[] {
  return [0, 1, 2].map((axis) => median(rows.map((row) => row[axis]!)));
}

function axisPercentiles(rows: readonly (readonly number[])[], percent: number): number[] {
  return [0, 1, 2].map((axis) =>
    percentile(
      rows.map((row) => row[axis]!),
      percent,
    ),
  );
}

function argMax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
