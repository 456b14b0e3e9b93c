/**
 * What a prediction takes in memory, planned before anything is computed: the same code runs on a device that holds no numbers,
 * for one of each kind of window and slab.
 */
import {
  boundingBox,
  createPlanningDevice,
  fillHoles,
  nonzeroMask,
  tensor,
  zeros,
  type PlanningOptions,
} from '@voxelwise/compute';
import { buildNetwork, loadWeights, type Module } from '@voxelwise/nets';
import { turnsToCanonical, type ConfigurationPlan } from '@voxelwise/planner';
import {
  preprocess,
  resampleData,
  restoreLogits,
  restoreSegmentation,
  restoreVoxels,
  type PreprocessProperties,
} from '@voxelwise/transforms';
import { canonicalGrid, voxelCount, type Grid, type PerAxis } from '@voxelwise/volume';
import { patchOf, type Model } from '../model/model.ts';
import { preprocessSettings } from '../model/preprocess-settings.ts';
import type { PredictOptions } from '../predict-options.ts';
import { liesAsInFile } from '../predict.ts';
import { placeOfLogits } from '../segmentation/logit-place.ts';
import { decideSlabs } from '../segmentation/slab-decisions.ts';
import { AT_ONCE } from '../segmentation/stored-logits.ts';
import { SLAB_BYTES, SLICES, slidingSlabs, streamingAxis, type Slab } from '../window/sliding-window.ts';

/** A case as its header describes it. */
export interface PlannedCase {
  readonly grid: Grid;
  /** The box that preprocessing will crop to, sizes in array order; absent: nothing is cropped. */
  readonly cropped?: PerAxis;
  /** Bytes of a voxel as the file's reader gives it. Default 4. */
  readonly voxelBytes?: number;
}

export interface PlannedPrediction
  extends PlanningOptions, Pick<PredictOptions, 'stepSize' | 'maxLogitBytes' | 'nextStages'> {
  /** Whether probabilities are written. */
  readonly probabilities?: boolean;
}

/** Bytes at the peak. */
export interface PredictionMemory {
  readonly device: number;
  /** Images, labels and parts of logits on the host, beside the model's weights. */
  readonly host: number;
  /** Logits and probabilities that lie outside of memory, where there is a store for them. */
  readonly store: number;
}

/** What preprocessing a case and its labels for training takes, at the peak, on the WASM device and beside it. */
export async function plannedPreparation(
  plan: ConfigurationPlan,
  subject: PlannedCase,
  options: PlanningOptions = {},
): Promise<Omit<PredictionMemory, 'store'> & { /** Of the preprocessed case. */ readonly result: number }> {
  const device = createPlanningDevice(options);
  const { shape } = await planPreprocessing(device, plan, subject, true);
  const [file, made, channels] = [voxelCount(subject.grid.shape), voxelCount(shape), plan.channels.length];
  const result = made * (4 * channels + 2);
  // The file's voxels and labels; then copies of them on their way to the device, or the result and its bytes on their way to the disk.
  const read = file * ((subject.voxelBytes ?? 4) * channels + 2);
  return {
    device: device.memory().peakBytes,
    host: read + Math.max(4 * file * (channels + 1), 2 * result + 4 * made),
    result,
  };
}

/** Plans for the WASM device. Throws: as `preprocess`, for a case that does not fit the model. */
export async function plannedPrediction(
  model: Model,
  subject: PlannedCase,
  options: PlannedPrediction = {},
): Promise<PredictionMemory> {
  const { plan } = model;
  const { nextStages = [], probabilities = false } = options;
  const settings = preprocessSettings(plan);
  const device = createPlanningDevice(options);
  const networks = model.folds.map(({ weights }) => {
    const network = (model.build ?? buildNetwork)(plan.network);
    loadWeights(network, device, weights);
    return network;
  });
  const properties = await planPreprocessing(device, plan, subject, plan.previousStage !== undefined);
  const place = placeOfLogits(plan.network.outputChannels, settings, properties, {
    ...options,
    probabilities: probabilities && 'written',
    store: true,
  });
  const slabs = once(planWindows(device, networks, model, properties, options));
  if (place === 'slabs') await planSlabDecision(device, model, properties, slabs);
  else {
    for await (const { logits } of slabs) {
      await logits.read();
      logits.dispose();
    }
    await planRestoration(device, model, properties, { ...options, whole: place === 'memory' });
  }

  const { outputChannels: classes, inputChannels } = plan.network;
  const [before, after] = [properties.shape, properties.shapeAfterCropping].map(voxelCount) as [number, number];
  const file = voxelCount(subject.grid.shape);
  const greatest = Math.max(after, ...nextStages.map(voxelCount));
  const labels = (classes > 256 ? 4 : 1) * (after + 2 * file);
  // A channel before and after it was resampled and the greatest so far; or parts of all channels.
  const resampled = nextStages.length > 0 || before !== after;
  const deciding = resampled ? 4 * (before + 3 * greatest) : 4 * 4 * AT_ONCE;
  // A channel on its way into the file's order.
  const moved = !liesAsInFile(properties, turnsToCanonical(plan.imageReaderWriter));
  const writing = probabilities && moved ? 4 * (after + file) : 0;
  const logits = {
    memory: 4 * classes * (before + (probabilities ? 3 * after : 0)) + labels,
    slabs: 3 * SLAB_BYTES + labels,
    stored: labels + Math.max(2 * SLAB_BYTES, deciding, writing),
  };
  const [voxels, read] = [plan.channels.length * file, subject.voxelBytes ?? 4];
  return {
    device: device.memory().peakBytes,
    host: read * voxels + Math.max(4 * voxels, 4 * inputChannels * before + logits[place]),
    store: place === 'stored' ? 4 * classes * (before + (probabilities && before !== after ? after : 0)) : 0,
  };
}

type PlanningDevice = ReturnType<typeof createPlanningDevice>;

async function planPreprocessing(
  device: PlanningDevice,
  plan: ConfigurationPlan,
  { grid, cropped }: PlannedCase,
  labelled: boolean,
): Promise<PreprocessProperties> {
  const seen = turnsToCanonical(plan.imageReaderWriter) ? canonicalGrid(grid) : grid;
  const channels = plan.channels.map((channel) => channel.name);
  const box: Grid = { ...seen, shape: cropped ?? seen.shape };
  if (cropped) {
    // What finds the box, on the whole image.
    const raw = zeros(device, [channels.length, ...seen.shape]);
    const mask = nonzeroMask({ x: raw });
    const filled = fillHoles({ mask });
    await boundingBox({ mask: filled }).read();
    for (const made of [raw, mask, filled]) made.dispose();
  }
  const size = voxelCount(box.shape);
  const images = { grid: box, kind: 'intensity', channels, voxels: new Float32Array(channels.length * size) } as const;
  const labels = { grid: box, kind: 'labels', channels: ['labels'], voxels: new Int32Array(size) } as const;
  // Voxels of classes are drawn on the host.
  const { foreground: _, ...settings } = preprocessSettings(plan);
  const { case: made, properties } = await preprocess(
    { id: 'planned', images, ...(labelled ? { labels } : {}) },
    settings,
    device,
  );
  made.images.voxels.dispose();
  made.labels?.voxels.dispose();
  return { ...properties, shapeBeforeCropping: properties.transposeForward.map((axis) => seen.shape[axis]!) as never };
}

/** The windows of one layer along the axis of slabs; of mirrored copies, one. */
function planWindows(
  device: PlanningDevice,
  networks: readonly Module[],
  { plan }: Model,
  { shape }: PreprocessProperties,
  { stepSize = 0.5 }: PlannedPrediction,
): AsyncGenerator<Slab> {
  const [patch, flat] = [patchOf(plan), plan.dimensions === 2];
  const axis = streamingAxis(shape, patch, flat);
  const layer = shorten(shape, axis, flat ? SLICES : patch[axis]);
  const { inputChannels: channels, outputChannels } = plan.network;
  const image = { channels, shape: layer, data: new Float32Array(channels * voxelCount(layer)) };
  return slidingSlabs(networks, image, { device, patch, flat, outputChannels, stepSize, axis });
}

async function* once<T>(all: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const one of all) {
    yield one;
    return;
  }
}

function shorten(shape: PerAxis, axis: number, most: number): PerAxis {
  return shape.map((n, k) => (k === axis ? Math.min(n, most) : n)) as unknown as PerAxis;
}

/** One slab decided, and the labels of the whole brought back to the file's grid. */
async function planSlabDecision(
  device: PlanningDevice,
  { plan }: Model,
  properties: PreprocessProperties,
  slabs: AsyncIterable<Slab>,
): Promise<void> {
  const { shape, shapeAfterCropping: to } = properties;
  const one = async function* (): AsyncGenerator<Slab> {
    for await (const slab of slabs) yield { ...slab, start: 0 };
  };
  const axis = streamingAxis(shape, patchOf(plan), plan.dimensions === 2);
  const layers = plan.dimensions === 2 ? SLICES : patchOf(plan)[axis];
  const part = {
    shape: shorten(shape, axis, layers),
    shapeAfterCropping: shorten(to, axis, Math.ceil((to[axis] * Math.min(layers, shape[axis])) / shape[axis])),
  };
  await decideSlabs(one(), {
    device,
    properties: { ...properties, ...part },
    settings: preprocessSettings(plan),
    regions: plan.labels.hasRegions ? plan.labels.regionsClassOrder! : null,
    channels: plan.network.outputChannels,
  });
  const found = tensor(device, new Uint8Array(voxelCount(to)), [1, ...to], 'u8');
  await restoreVoxels(found, properties, 0).read();
}

/** Logits, all of them or one channel at a time, to the file's grid and to the next stages'. */
async function planRestoration(
  device: PlanningDevice,
  { plan }: Model,
  properties: PreprocessProperties,
  {
    nextStages = [],
    probabilities,
    whole,
  }: Pick<PlannedPrediction, 'nextStages' | 'probabilities'> & { readonly whole: boolean },
): Promise<void> {
  const settings = preprocessSettings(plan);
  const logits = zeros(device, [whole ? plan.network.outputChannels : 1, ...properties.shape]);
  const spacing = properties.targetSpacing;
  const resampling = settings.resampling?.probabilities ?? { order: 1, forceSeparateZ: null };
  const made = [
    ...(whole ? [() => restoreSegmentation(logits, properties, settings)] : []),
    ...(whole && !probabilities ? [] : [() => restoreLogits(logits, properties, settings)]),
    () => restoreVoxels(zeros(device, [1, ...properties.shapeAfterCropping]), properties, 0),
    ...nextStages.map((shape) => () => resampleData(logits, shape, spacing, spacing, resampling)),
  ];
  for (const make of made) {
    const one = make();
    await device.flush();
    if (one !== logits) one.dispose();
  }
}
