/**
 * The low resolution of a cascade: planned when the full-resolution patch sees too little of the image.
 *
 * Source: nnU-Net v2, `plan_experiment`.
 */
import { roundHalfEven } from '../fingerprint/statistics.ts';
import type { ConfigurationEntry } from '../plans/plans-file.ts';
import type { Explain } from './explanation.ts';
import { planConfiguration, type Surroundings } from './plan-configuration.ts';
import type { TargetGrid } from './target-grid.ts';

/** A low resolution is tried when the patch covers less than this share of the median image. */
const COVER = 0.25;
const SPACING_STEP = 1.03;
/** Axes this many times finer than the coarsest are coarsened first. */
const BEHIND = 2;
/** The low resolution is dropped unless it has this many times fewer voxels. */
const GAIN = 2;

export interface LowResolutionInput {
  /** The full resolution as planned. */
  readonly full: ConfigurationEntry;
  readonly grid: TargetGrid;
  readonly dataIdentifier: string;
  readonly numTraining: number;
}

export interface LowResolution {
  /** Absent if the data set needs no cascade. */
  readonly entry?: ConfigurationEntry;
  /** What the decision was made from. */
  readonly decision: Readonly<Record<string, number>>;
}

/** Coarsens the spacing until the patch covers enough of the image. `explain` takes paths within the configuration. */
export function planLowResolution(input: LowResolutionInput, around: Surroundings, explain: Explain): LowResolution {
  const { full, grid, dataIdentifier, numTraining } = input;
  const spacing = [...grid.spacing];
  const fullVoxels = product(grid.medianShape);
  let voxels = fullVoxels;
  let low: ConfigurationEntry | undefined;
  const share = (): number => product((low ?? full).patch_size!) / voxels;
  const fullShare = share();
  while (share() < COVER) {
    coarsen(spacing);
    const size = grid.medianShape.map((n, axis) => (grid.spacing[axis]! / spacing[axis]!) * n);
    voxels = product(size);
    low = planConfiguration(
      {
        spacing: [...spacing],
        // Rounding can leave no voxel along a thin axis; the reference fails there.
        medianShape: size.map((n) => roundHalfEven(n) || 1),
        dataIdentifier,
        datasetVoxels: voxels * numTraining,
      },
      around,
      explain,
    );
  }
  const gain = fullVoxels / voxels;
  const decision = { patch_share_of_median: fullShare, threshold: COVER, low_resolution_gain: gain, needed_gain: GAIN };
  explain(
    'spacing',
    'the full resolution, coarsened by 3 % at a time (finer axes first) until the patch covers a quarter of the image; kept if that leaves at least two times fewer voxels (mm)',
    decision,
  );
  return low !== undefined && gain >= GAIN ? { entry: low, decision } : { decision };
}

function coarsen(spacing: number[]): void {
  const coarsest = Math.max(...spacing);
  const behind = spacing.map((s) => coarsest / s > BEHIND);
  const all = !behind.includes(true);
  spacing.forEach((_, axis) => {
    if (behind[axis] || all) spacing[axis]! *= SPACING_STEP;
  });
}

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}
