/** A case in, a segmentation out. */
import { decideLabels, tensor, type Device, type DeviceError, type Tensor } from '@voxelwise/compute';
import { buildNetwork, disposeWeights, loadWeights, type Module } from '@voxelwise/nets';
import { turnsToCanonical } from '@voxelwise/planner';
import {
  preprocess,
  resampleData,
  restoreLogits,
  restoreSegmentation,
  restoreVoxels,
  type PreprocessProperties,
} from '@voxelwise/transforms';
import {
  canonicalCase,
  canonicalGrid,
  fromCanonical,
  voxelCount,
  type Case,
  type Grid,
  type PerAxis,
  type Volume,
} from '@voxelwise/volume';
import { PredictionError } from './errors.ts';
import { patchOf, type Model } from './model/model.ts';
import { preprocessSettings } from './model/preprocess-settings.ts';
import type { PredictOptions, Prediction } from './predict-options.ts';
import { reopeningPredictor } from './reopening-predictor.ts';
import { probabilitiesOf } from './segmentation/probabilities.ts';
import { oneHotLabels } from './segmentation/one-hot.ts';
import { decidesBySlab, decideSlabs } from './segmentation/slab-decisions.ts';
import { slidingSlabs, slidingWindow, type WindowSettings } from './window/sliding-window.ts';
import type { HostImage } from './window/voxel-box.ts';

/** Above this, labels are decided slab by slab. */
const MOST_LOGIT_BYTES = 2 ** 28;

/** A case that is preprocessed already. */
export interface PreparedImage {
  readonly id: string;
  /** What the network sees: for the second stage of a cascade with the first one's labels, see `oneHotLabels`. */
  readonly image: HostImage;
  readonly properties: PreprocessProperties;
  /** Of the file that the segmentation goes with. */
  readonly grid: Grid;
}

/** A model whose weights are on a device: predicts one case after another. */
export interface Predictor {
  readonly model: Model;
  predict(subject: Case, options?: Omit<PredictOptions, 'device'>): Promise<Prediction>;
  /** Throws: PredictionError if the image has another number of channels than the network. */
  predictPrepared(
    prepared: PreparedImage,
    options?: Omit<PredictOptions, 'device' | 'previousStage'>,
  ): Promise<Prediction>;
  /** Logits [K, z, y, x] of an image that is preprocessed already. */
  logits(image: HostImage, options?: Omit<PredictOptions, 'device'>): Promise<HostImage>;
  /** Logits on the preprocessed grid → the segmentation, and probabilities if asked for, on the file's grid. */
  restore(
    logits: HostImage,
    file: Pick<PreparedImage, 'grid'>,
    properties: PreprocessProperties,
    options?: Pick<PredictOptions, 'probabilities'>,
  ): Promise<Prediction>;
  /**
   * Logits on the preprocessed grid → labels [z, y, x] on another configuration's preprocessed grid: what the next stage of a
   * cascade learns from. Source: nnU-Net v2, which resamples with both spacings those of this stage.
   */
  nextStage(logits: HostImage, shape: PerAxis): Promise<Int16Array>;
  dispose(): void;
}

export interface PredictorOptions {
  /**
   * Opens a device in place of one that was lost; the weights are uploaded again and the case is begun anew there. The
   * caller disposes what it opened. Absent: the loss is thrown.
   */
  readonly reopen?: (lost: DeviceError) => Promise<Device>;
}

/**
 * Uploads a model's weights.
 *
 * Throws: WeightsError if they are not of the plan's network. What it returns throws DeviceError for a lost device that is
 * not reopened, PredictionError where none can be.
 */
export function openPredictor(model: Model, device: Device, { reopen }: PredictorOptions = {}): Predictor {
  return reopen === undefined
    ? predictorOn(model, device)
    : reopeningPredictor(predictorOn(model, device), async (lost) => predictorOn(model, await reopen(lost)));
}

function predictorOn(model: Model, device: Device): Predictor {
  const { plan, folds } = model;
  const patch = patchOf(plan);
  const settings = preprocessSettings(plan);
  const networks: readonly Module[] = folds.map(({ weights }) => {
    const network = (model.build ?? buildNetwork)(plan.network);
    loadWeights(network, device, weights);
    return network;
  });

  // The reader of some plans turns images to RAS and segmentations back.
  const turned = turnsToCanonical(plan.imageReaderWriter);
  const asRead = (subject: Case): Case => (turned ? canonicalCase(subject) : subject);
  const onFileGrid = (grid: Grid, found: Omit<Volume, 'grid'>): Volume =>
    turned ? fromCanonical({ ...found, grid: canonicalGrid(grid) }, grid) : { ...found, grid };
  const labelVolume = (found: Uint8Array | Int32Array, grid: Grid): Volume => {
    let most = 0;
    for (const label of found) if (label > most) most = label;
    const voxels = most < 255 ? new Uint8Array(found) : new Uint16Array(found);
    return onFileGrid(grid, { kind: 'labels', channels: ['labels'], voxels });
  };

  const regions = plan.labels.hasRegions ? plan.labels.regionsClassOrder! : null;
  const windowSettings = (options: Omit<PredictOptions, 'device'>): WindowSettings => ({
    ...options,
    device,
    patch,
    flat: plan.dimensions === 2,
    outputChannels: plan.network.outputChannels,
    mirrorAxes: (options.mirroring ?? true) ? model.mirrorAxes : [],
  });

  const predictor: Predictor = {
    model,
    async predict(subject, options = {}) {
      checkCase(subject, model, options.previousStage);
      const staged: Case = options.previousStage
        ? { ...subject, labels: { ...options.previousStage, grid: subject.images.grid } }
        : { id: subject.id, images: subject.images };
      const { case: prepared, properties } = await preprocess(asRead(staged), settings, device);
      const image = await hostImage(prepared, model, options.previousStage !== undefined);
      return predictor.predictPrepared({ id: subject.id, image, properties, grid: subject.images.grid }, options);
    },
    async predictPrepared({ id, image, properties, grid }, options = {}) {
      if (image.channels !== plan.network.inputChannels)
        throw new PredictionError(
          `predict: the preprocessed image of ${id} has ${image.channels} channel(s), the network takes ${plan.network.inputChannels}.`,
          { case: id, expected: plan.network.inputChannels, came: image.channels },
        );
      const bytes = plan.network.outputChannels * voxelCount(image.shape) * 4;
      const { nextStages = [] } = options;
      const whole = options.probabilities || nextStages.length > 0 || !decidesBySlab(settings);
      if (whole || bytes <= (options.maxLogitBytes ?? MOST_LOGIT_BYTES)) {
        const logits = await predictor.logits(image, options);
        const prediction = await predictor.restore(logits, { grid }, properties, options);
        if (nextStages.length === 0) return prediction;
        const following: Int16Array[] = [];
        for (const shape of nextStages) following.push(await predictor.nextStage(logits, shape));
        return { ...prediction, nextStages: following };
      }
      const labels = await decideSlabs(slidingSlabs(networks, image, windowSettings(options)), {
        device,
        properties,
        settings,
        regions,
        channels: plan.network.outputChannels,
      });
      const uploaded = tensor(
        device,
        labels,
        [1, ...properties.shapeAfterCropping],
        labels instanceof Uint8Array ? 'u8' : 'i32',
      );
      const restored = restoreVoxels(uploaded, properties, 0);
      const found = (await restored.read()) as Uint8Array | Int32Array;
      for (const made of new Set([uploaded, restored])) made.dispose();
      return { segmentation: labelVolume(found, grid) };
    },
    logits(image, options = {}) {
      return slidingWindow(networks, image, windowSettings(options));
    },
    async restore(logits, { grid }, properties, options = {}) {
      const uploaded = tensor(device, logits.data, [logits.channels, ...logits.shape]);
      const decided = restoreSegmentation(uploaded, properties, settings, { regions });
      const found = (await decided.read()) as Int32Array;
      decided.dispose();
      const segmentation = labelVolume(found, grid);
      const probabilities = options.probabilities
        ? await probabilityVolume(uploaded, grid, properties, model)
        : undefined;
      uploaded.dispose();
      return { segmentation, ...(probabilities ? { probabilities } : {}) };
    },
    async nextStage(logits, shape) {
      const { spacing } = plan;
      const own = (spacing.length === 2 ? [1, ...spacing] : spacing) as unknown as PerAxis;
      const uploaded = tensor(device, logits.data, [logits.channels, ...logits.shape]);
      const resampled = resampleData(
        uploaded,
        shape,
        own,
        own,
        settings.resampling?.probabilities ?? { order: 1, forceSeparateZ: null },
      );
      const decided = decideLabels({ logits: resampled }, { regions });
      const found = await decided.read();
      for (const made of new Set([uploaded, resampled, decided])) made.dispose();
      return Int16Array.from(found);
    },
    dispose() {
      for (const network of networks) disposeWeights(network);
    },
  };
  return predictor;

  async function probabilityVolume(
    uploaded: Tensor,
    grid: Grid,
    properties: PreprocessProperties,
    { plan: { labels } }: Model,
  ): Promise<Volume> {
    const cropped = restoreLogits(uploaded, properties, settings);
    const numbers = probabilitiesOf((await cropped.read()) as Float32Array, cropped.shape[0]!, labels.hasRegions);
    const shared = tensor(device, numbers, cropped.shape);
    const restored = restoreVoxels(shared, properties, 0);
    const inside = tensor(device, new Float32Array(voxelCount(properties.shapeAfterCropping)).fill(1), [
      1,
      ...properties.shapeAfterCropping,
    ]);
    const box = restoreVoxels(inside, properties, 0);
    const [voxels, mask] = (await Promise.all([restored.read(), box.read()])) as [Float32Array, Float32Array];
    // Outside the box nothing was seen: that is background for certain, and no region.
    if (!labels.hasRegions) mask.forEach((seen, v) => seen === 0 && (voxels[v] = 1));
    for (const made of new Set([cropped, shared, restored, inside, box])) if (made !== uploaded) made.dispose();
    const names = labels.hasRegions ? labels.foregroundNames : ['background', ...labels.foregroundNames];
    return onFileGrid(grid, { kind: 'intensity', channels: names, voxels });
  }
}

/** Predicts one case. For several, `openPredictor` uploads the weights once. */
export async function predict(model: Model, subject: Case, options: PredictOptions): Promise<Prediction> {
  const predictor = openPredictor(model, options.device);
  try {
    return await predictor.predict(subject, options);
  } finally {
    predictor.dispose();
  }
}

/** Copies a preprocessed case to the host, the previous stage's labels appended as one channel each; frees its tensors. */
async function hostImage(prepared: Case<Tensor>, { plan }: Model, staged: boolean): Promise<HostImage> {
  const { images, labels } = prepared;
  const data = (await images.voxels.read()) as Float32Array;
  const shape = images.grid.shape;
  const extra = staged
    ? oneHotLabels((await labels!.voxels.read()) as Int32Array, plan.labels.foregroundLabels)
    : new Float32Array(0);
  images.voxels.dispose();
  labels?.voxels.dispose();
  const voxels = voxelCount(shape);
  if (extra.length === 0) return { channels: data.length / voxels, shape, data };
  const all = new Float32Array(data.length + extra.length);
  all.set(data);
  all.set(extra, data.length);
  return { channels: all.length / voxels, shape, data: all };
}

function checkCase(subject: Case, { plan }: Model, previousStage: Volume | undefined): void {
  const came = subject.images.channels.length;
  if (came !== plan.channels.length)
    throw new PredictionError(
      `predict: ${subject.id} has ${came} channel(s), the model was trained with ${plan.channels.length}: ${plan.channels.map((channel) => channel.name).join(', ')}.`,
      { case: subject.id, expected: plan.channels.length, came },
    );
  if (plan.previousStage !== undefined && previousStage === undefined)
    throw new PredictionError(
      `predict: ${plan.name} refines the segmentation of ${plan.previousStage}; predict ${subject.id} with that first and pass it as previousStage.`,
      { case: subject.id, previousStage: plan.previousStage },
    );
  if (previousStage && previousStage.grid.shape.join() !== subject.images.grid.shape.join())
    throw new PredictionError(
      `predict: the previous stage's segmentation of ${subject.id} has ${previousStage.grid.shape.join('×')} voxels, the image ${subject.images.grid.shape.join('×')}.`,
      { case: subject.id },
    );
}
