/** Whether predictions fit into --max-memory and onto the disk, found out before anything is computed. */
import {
  plannedPrediction,
  plannedPreparation,
  type Model,
  type PlannedCase,
  type PlannedPrediction,
} from '@voxelwise/inference';
import { loadCase, type CaseFiles, type Dataset, type VoxelType } from '@voxelwise/io';
import { openVolume } from '@voxelwise/io/node';
import { buildNetwork, parametersOf } from '@voxelwise/nets';
import { turnsToCanonical, type ConfigurationPlan } from '@voxelwise/planner';
import { canonicalCase, spacing, voxelCount, type PerAxis, type Volume } from '@voxelwise/volume';
import { mkdir } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { holds, refuse, type Need } from '../memory.ts';
import type { SegmentOptions } from './segmenting.ts';
import { requireDisk } from './spill.ts';

/** Bytes of a voxel in memory, by the type that a header names. */
const BYTES: Readonly<Record<VoxelType, number>> = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  float32: 4,
  float64: 8,
};

export function voxelBytes(type: VoxelType): number {
  return BYTES[type];
}

interface Header extends PlannedCase {
  readonly files: CaseFiles;
}

export interface PredictionsToPlan extends Pick<SegmentOptions, 'stepSize' | 'saveProbabilities'> {
  readonly model: Model;
  readonly source: Dataset;
  readonly cases: readonly CaseFiles[];
  /** Where segmentations go. */
  readonly folder: string;
  readonly nextStages?: readonly PerAxis[];
}

/** What some work takes, case by case, and one case that does not fit. */
export interface PlannedCases<N extends Need = Need> {
  /** The most of any case, at once. */
  readonly need: N;
  readonly misfit?: { readonly id: string; readonly shape: PerAxis; readonly need: N };
}
export type PlannedPredictions = PlannedCases;

/**
 * Plans the largest of these cases. Cases without image files, and devices other than WASM, are not planned.
 * Throws: ResourceError where the disk does not hold what memory does not; FormatError for broken headers.
 */
export async function planPredictions(context: Context, request: PredictionsToPlan): Promise<PlannedPredictions> {
  const { model, source, cases, folder, saveProbabilities = false, ...options } = request;
  const nothing = { device: 0, host: 0, store: 0 };
  if (context.device === 'webgpu' || context.device === 'reference') return { need: nothing };
  const how: PlannedPrediction = { ...options, probabilities: saveProbabilities, threads: context.threads };
  const planned = await planCases(context, source, cases, model.plan, nothing, (one) =>
    plannedPrediction(model, one, how),
  );
  const { store } = planned.need;
  if (store > 0 && !planned.misfit) {
    await mkdir(folder, { recursive: true });
    await requireDisk(folder, store, 'logits that memory does not hold');
  }
  return planned;
}

/** Plans preprocessing for training; `result` is the largest preprocessed case. Throws: FormatError for broken headers. */
export function planPreparations(
  context: Context,
  source: Dataset,
  cases: readonly CaseFiles[],
  plan: ConfigurationPlan,
): Promise<PlannedCases<Need & { readonly result: number }>> {
  const nothing = { device: 0, host: 0, result: 0 };
  return planCases(context, source, cases, plan, nothing, (one) => plannedPreparation(plan, one, { threads: 1 }));
}

async function planCases<N extends Need>(
  context: Context,
  source: Dataset,
  cases: readonly CaseFiles[],
  configuration: ConfigurationPlan,
  nothing: N,
  planOne: (subject: PlannedCase) => Promise<N>,
): Promise<PlannedCases<N>> {
  const headers: Header[] = [];
  for (const files of cases) if (files.images.length > 0) headers.push(await headerOf(source, files));
  let need = nothing;
  const plan = async (header: Header): Promise<N> => {
    const planned = await planOne(header);
    const most = (key: keyof N): number => Math.max(need[key] as number, planned[key] as number);
    need = Object.fromEntries(Object.keys(nothing).map((key) => [key, most(key as keyof N)])) as unknown as N;
    return planned;
  };
  for (const header of largest(headers)) {
    if (holds(context, await plan(header))) continue;
    // Without what is cropped it may fit, and then the others have to be looked at too.
    need = nothing;
    for (const one of headers) {
      if (holds(context, await planOne(one))) continue;
      const cropped = await plan({ ...one, cropped: await boxOf(source, one.files, configuration) });
      if (!holds(context, cropped)) return { need, misfit: { id: one.files.id, shape: one.grid.shape, need: cropped } };
    }
    break;
  }
  return { need };
}

/** Throws: ResourceError naming the case that does not fit, and the limit that it needs. */
export function requireFit(context: Context, { misfit }: PlannedCases, doing = 'predicting'): void {
  if (misfit) refuse(context, `${doing} ${misfit.id}, ${misfit.shape.join('×')} voxels,`, misfit.need);
}

/** A model of this plan with no weights to speak of: for planning before there is one. */
export function untrained(plan: ConfigurationPlan, build: typeof buildNetwork = buildNetwork): Model {
  const weights = new Map(
    Array.from(parametersOf(build(plan.network)), ([name, { shape }]) => [
      name,
      { shape, data: new Float32Array(shape.reduce((all, n) => all * n, 1)) },
    ]),
  );
  return { plan, mirrorAxes: [], folds: [{ name: '0', weights }], build };
}

async function headerOf({ tree }: Dataset, files: CaseFiles): Promise<Header> {
  const image = await openVolume(tree.fullPath(files.images[0]!), { kind: 'intensity' });
  try {
    return { files, grid: image.grid, voxelBytes: voxelBytes(image.type) };
  } finally {
    await image.close();
  }
}

/** The cases that can take most: by volume in voxels, in millimetres, and by the area of a slice. */
function largest(headers: readonly Header[]): readonly Header[] {
  const sizes: readonly ((header: Header) => number)[] = [
    ({ grid }) => voxelCount(grid.shape),
    ({ grid }) => voxelCount(grid.shape) * voxelCount(spacing(grid)),
    ({ grid }) => grid.shape[1] * grid.shape[2],
  ];
  if (headers.length === 0) return [];
  return [...new Set(sizes.map((size) => headers.reduce((a, b) => (size(b) > size(a) ? b : a))))];
}

/** Extent of what is not zero in any channel, as preprocessing crops. */
async function boxOf(source: Dataset, files: CaseFiles, plan: ConfigurationPlan): Promise<PerAxis> {
  const subject = await loadCase(source, files, { withLabels: false });
  const { images } = turnsToCanonical(plan.imageReaderWriter) ? canonicalCase(subject) : subject;
  return nonzeroExtent(images);
}

function nonzeroExtent({ grid: { shape }, voxels }: Volume): PerAxis {
  const [nz, ny, nx] = shape;
  const [low, high] = [[...shape], [0, 0, 0]];
  const widen = (axis: number, from: number, to = from): void => {
    low[axis] = Math.min(low[axis]!, from);
    high[axis] = Math.max(high[axis]!, to + 1);
  };
  for (let row = 0; row < voxels.length / nx; row++) {
    const values = voxels.subarray(row * nx, (row + 1) * nx) as Float32Array;
    const first = values.findIndex((value) => value !== 0);
    if (first < 0) continue;
    widen(0, Math.floor(row / ny) % nz);
    widen(1, row % ny);
    widen(
      2,
      first,
      values.findLastIndex((value) => value !== 0),
    );
  }
  return high[0] === 0 ? shape : (high.map((end, axis) => end - low[axis]!) as unknown as PerAxis);
}
