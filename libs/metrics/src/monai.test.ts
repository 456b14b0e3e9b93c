/** Scores against MONAI's. Its arrays are [B, 1, i, j, k]; k is the fastest axis, so (i, j, k) are our (z, y, x). */
import { readFileSync } from 'node:fs';
import { squaredDistance, type PerAxis } from '@voxelwise/volume';
import { describe, expect, it } from 'vitest';
import { readFixtureNpz } from '../../../tools/testing/npy.ts';
import { type Confusion, LabelPairs } from './overlap/confusion.ts';
import {
  confusionRates,
  diceOrEmpty,
  generalizedDice,
  iouOrEmpty,
  reduceScores,
  type Reduction,
} from './overlap/overlap.ts';
import { surfaceVoxels } from './surface/masks.ts';
import { normalizedSurfaceDice } from './surface/surface-dice.ts';
import {
  averageSurfaceDistance,
  averageSymmetricSurfaceDistance,
  hausdorffDistance,
  surfaceDiceOfVoxels,
  surfaceDistances,
} from './surface/surface-distances.ts';

interface MonaiCase {
  readonly id: string;
  readonly op: string;
  readonly params: Record<string, never>;
  readonly outputs: Record<string, { readonly value?: unknown; readonly array?: string }>;
  readonly atol: number;
  readonly rtol: number;
}
const folder = new URL('../fixtures/monai/', import.meta.url);
const { cases } = JSON.parse(readFileSync(new URL('cases.json', folder), 'utf8')) as { cases: readonly MonaiCase[] };
const arrays = readFixtureNpz(new URL('arrays.npz', folder));
const shape: PerAxis = [18, 16, 10];
const size = 18 * 16 * 10;
const items = (name: string): Uint8Array[] =>
  [0, 1, 2].map((b) => (arrays.get(name)!.values as Uint8Array).slice(b * size, (b + 1) * size));
const [predictions, references] = [items('in_pred'), items('in_gt')];
const mask = (map: Uint8Array, label: number): Uint8Array => map.map((v) => (v === label ? 1 : 0));
const confusions = (labels: readonly number[], maps = predictions): Confusion[][] =>
  maps.map((map, b) => labels.map((label) => new LabelPairs(map, references[b]!).confusion(label)));
const perClass = (score: (b: number, label: number) => number): number[][] =>
  [0, 1, 2].map((b) => [1, 2, 3].map((label) => score(b, label)));
const all = [0, 1, 2, 3];

function distances(params: Record<string, unknown>): (b: number, label: number) => ReturnType<typeof surfaceDistances> {
  const metric = (params['distance_metric'] ?? 'euclidean') as 'euclidean';
  return (b, label) =>
    surfaceDistances(
      { prediction: mask(predictions[b]!, label), reference: mask(references[b]!, label), shape },
      { spacingMm: spacingOf(params), metric },
    );
}

function spacingOf({ spacing }: Record<string, unknown>): PerAxis {
  return typeof spacing === 'number' ? [spacing, spacing, spacing] : ((spacing ?? [1, 1, 1]) as PerAxis);
}

function argmaxOfLogits(): Uint8Array[] {
  const logits = arrays.get('in_logits')!.values as Float32Array;
  return [0, 1, 2].map((b) =>
    Uint8Array.from({ length: size }, (_, i) =>
      all.reduce((best, c) => (logits[(b * 4 + c) * size + i]! > logits[(b * 4 + best) * size + i]! ? c : best), 0),
    ),
  );
}

const reductions: Record<string, Reduction> = {
  mean: 'mean',
  sum: 'sum',
  mean_batch: 'meanPerClass',
  sum_batch: 'sumPerClass',
  mean_channel: 'meanPerCase',
  sum_channel: 'sumPerCase',
};

const operations: Record<string, (params: Record<string, unknown>) => Record<string, unknown>> = {
  compute_dice: (p) => ({ value: scored(p, diceOrEmpty) }),
  compute_iou: (p) => ({ value: scored(p, iouOrEmpty) }),
  compute_generalized_dice: () => ({ value: confusions(all).map((row) => row.map((c) => generalizedDice([c]))) }),
  DiceMetric: (p) => {
    const dice = confusions([1, 2, 3]).map((row) => row.map((c) => diceOrEmpty(c, 'nan')));
    if (p['reduction'] === 'none')
      return { value: { metric: dice, not_nans: dice.map((row) => row.map((d) => Number(!Number.isNaN(d)))) } };
    const { scores, counts } = reduceScores(dice, reductions[p['reduction'] as string]!);
    return { value: { metric: scores, not_nans: counts.length === 1 ? counts[0] : counts } };
  },
  compute_hausdorff_distance: (p) => {
    const of = distances(p);
    const percentile = (p['percentile'] ?? 100) as number;
    return {
      value: perClass((b, label) => hausdorffDistance(of(b, label), { percentile, directed: p['directed'] === true })),
    };
  },
  compute_average_surface_distance: (p) => {
    const of = distances(p);
    return {
      value: perClass((b, label) =>
        (p['symmetric'] ? averageSymmetricSurfaceDistance : averageSurfaceDistance)(of(b, label)),
      ),
    };
  },
  compute_surface_dice: (p) => {
    const tolerance = (label: number): number => (p['class_thresholds'] as number[])[label - 1]!;
    if (!p['use_subvoxels'])
      return { value: perClass((b, label) => surfaceDiceOfVoxels(distances(p)(b, label), tolerance(label))) };
    return {
      value: perClass((b, label) =>
        normalizedSurfaceDice(
          { prediction: mask(predictions[b]!, label), reference: mask(references[b]!, label), shape },
          { toleranceMm: tolerance(label), spacingMm: spacingOf(p) },
        ),
      ),
    };
  },
  get_mask_edges: () => ({
    edges_gt: surfaceVoxels(mask(references[0]!, 1), shape, false),
    edges_pred: surfaceVoxels(mask(predictions[0]!, 1), shape, false),
  }),
  distance_transform_edt: (p) => ({
    value: squaredDistance(
      mask(references[0]!, 1).map((v) => 1 - v),
      shape,
      p['sampling'] as unknown as PerAxis,
    ).map(Math.sqrt),
  }),
  get_confusion_matrix: () => ({
    value: confusions(all).flatMap((row) =>
      row.flatMap((c) => [c.truePositives, c.falsePositives, c.trueNegatives, c.falseNegatives]),
    ),
  }),
  compute_confusion_matrix_metric: (p) => {
    const rate =
      confusionRates[{ 'f1 score': 'f1' }[p['metric'] as string] as 'f1'] ?? confusionRates[p['metric'] as 'f1'];
    return { value: confusions(all).map((row) => row.map(rate)) };
  },
  DiceHelper: () => {
    const dice = confusions([1, 2, 3], argmaxOfLogits()).map((row) => row.map((c) => diceOrEmpty(c, 'nan')));
    const { scores, counts } = reduceScores(dice, 'meanPerClass');
    return { metric: scores, not_nans: counts };
  },
};

function scored(p: Record<string, unknown>, score: typeof diceOrEmpty): number[][] {
  return confusions(p['include_background'] ? all : [1, 2, 3]).map((row) =>
    row.map((c) => score(c, p['ignore_empty'] ? 'nan' : 'score')),
  );
}

const flat = (value: unknown): number[] => {
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array);
  if (Array.isArray(value)) return value.flatMap(flat);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(flat);
  return [{ nan: Number.NaN, inf: Infinity, '-inf': -Infinity }[String(value)] ?? Number(value)];
};

/** Where one mask is empty we say Infinity for percentiles too; MONAI's interpolation makes NaN of it. */
const missing = ({ op, params }: MonaiCase, got: number): boolean =>
  op === 'compute_hausdorff_distance' && params['percentile'] !== null && got === Infinity;

describe('scores of MONAI', () => {
  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
    const outputs = operations[one.op]!(one.params);
    for (const [role, golden] of Object.entries(one.outputs)) {
      const expected = flat(golden.array === undefined ? golden.value : arrays.get(golden.array)!.values);
      const got = flat(outputs[role]);
      expect(got.length).toBe(expected.length);
      expected.forEach((want, i) => {
        if (Number.isNaN(want) && missing(one, got[i]!)) return;
        if (Number.isFinite(want))
          expect(Math.abs(got[i]! - want), `${role}[${i}]: ${got[i]} for ${want}`).toBeLessThanOrEqual(
            one.atol + one.rtol * Math.abs(want),
          );
        else expect(got[i], `${role}[${i}]`).toBe(want);
      });
    }
  });
});
