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
import { release, type StreamedVolume } from '@voxelwise/io';
import { PredictionError } from './errors.ts';
import { patchOf, type Model } from './model/model.ts';
import { preprocessSettings } from './model/preprocess-settings.ts';
import type { PredictOptions, Prediction } from './predict-options.ts';
import { reopeningPredictor } from './reopening-predictor.ts';
import { probabilitiesOf } from './segmentation/probabilities.ts';
import { oneHotLabels } from './segmentation/one-hot.ts';
import { placeOfLogits } from './segmentation/logit-place.ts';
import { decideSlabs } from './segmentation/slab-decisions.ts';
import {
  decideStored,
  inPieces,
  piecesOf,
  storedProbabilities,
  storeLogits,
  type OpenStore,
  type StoredLogits,
} from './segmentation/stored-logits.ts';
import { slidingSlabs, slidingWindow, type WindowSettings } from './window/sliding-window.ts';
import type { HostImage } from './window/voxel-box.ts';

const LINEAR = { order: 1, forceSeparateZ: null } as const;

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
      const { nextStages = [], openStore, writeProbabilities } = options;
      const probabilities = options.probabilities ? 'returned' : writeProbabilities ? 'written' : false;
      const place = placeOfLogits(plan.network.outputChannels, settings, properties, {
        ...options,
        probabilities,
        store: openStore !== undefined,
      });
      const file = { image, properties, grid };
      if (place === 'slabs') return predictSlabs(file, options);
      if (place === 'stored') return predictStored(file, options, openStore!);
      const logits = await predictor.logits(image, options);
      const prediction = await predictor.restore(logits, { grid }, properties, {
        probabilities: probabilities !== false,
      });
      const { segmentation, probabilities: found } = prediction;
      if (found && writeProbabilities)
        await writeProbabilities(streamed(found, eachChannel(found.voxels as Float32Array, found.channels)));
      if (nextStages.length === 0) return options.probabilities ? prediction : { segmentation };
      const following: Int16Array[] = [];
      for (const shape of nextStages) following.push(await predictor.nextStage(logits, shape));
      return {
        segmentation,
        ...(options.probabilities && found ? { probabilities: found } : {}),
        nextStages: following,
      };
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
      const probabilities = options.probabilities ? await probabilityVolume(uploaded, grid, properties) : undefined;
      uploaded.dispose();
      return { segmentation, ...(probabilities ? { probabilities } : {}) };
    },
    async nextStage(logits, shape) {
      const uploaded = tensor(device, logits.data, [logits.channels, ...logits.shape]);
      const resampled = toNextStage(uploaded, shape);
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

  function toNextStage(logits: Tensor, shape: PerAxis): Tensor {
    const { spacing } = plan;
    const own = (spacing.length === 2 ? [1, ...spacing] : spacing) as unknown as PerAxis;
    return resampleData(logits, shape, own, own, settings.resampling?.probabilities ?? LINEAR);
  }

  /** Labels on the crop's grid -> the segmentation. */
  async function restoreLabels(
    labels: Uint8Array | Int32Array,
    properties: PreprocessProperties,
    grid: Grid,
  ): Promise<Volume> {
    const dtype = labels instanceof Uint8Array ? 'u8' : 'i32';
    const uploaded = tensor(device, labels, [1, ...properties.shapeAfterCropping], dtype);
    const restored = restoreVoxels(uploaded, properties, 0);
    const found = (await restored.read()) as Uint8Array | Int32Array;
    for (const made of new Set([uploaded, restored])) made.dispose();
    return labelVolume(found, grid);
  }

  async function predictSlabs(
    { image, properties, grid }: Omit<PreparedImage, 'id'>,
    options: Omit<PredictOptions, 'device'>,
  ): Promise<Prediction> {
    const labels = await decideSlabs(slidingSlabs(networks, image, windowSettings(options)), {
      device,
      properties,
      settings,
      regions,
      channels: plan.network.outputChannels,
    });
    return { segmentation: await restoreLabels(labels, properties, grid) };
  }

  /** With logits, and the probabilities made of them, outside of memory. */
  async function predictStored(
    { image, properties, grid }: Omit<PreparedImage, 'id'>,
    options: Omit<PredictOptions, 'device'>,
    openStore: OpenStore,
  ): Promise<Prediction> {
    const { nextStages, writeProbabilities } = options;
    const { shapeAfterCropping: cropped } = properties;
    const { outputChannels: channels } = plan.network;
    const open = (shape: PerAxis): ReturnType<OpenStore> => openStore({ channels, voxels: voxelCount(shape) });
    const logits: StoredLogits = { store: await open(image.shape), channels, shape: image.shape };
    let kept = logits.store;
    try {
      await storeLogits(slidingSlabs(networks, image, windowSettings(options)), logits);
      const following: Int16Array[] = [];
      for (const shape of nextStages ?? []) {
        const resample = (channel: Tensor): Tensor => toNextStage(channel, shape);
        following.push(Int16Array.from(await decideStored(logits, { device, regions, resample })));
      }
      const same = image.shape.every((n, axis) => n === cropped[axis]);
      if (writeProbabilities && !same) kept = await open(cropped);
      const labels = await decideStored(logits, {
        device,
        regions,
        ...(same ? {} : { resample: (channel: Tensor) => restoreLogits(channel, properties, settings) }),
        ...(kept === logits.store ? {} : { into: kept }),
      });
      const segmentation = await restoreLabels(labels, properties, grid);
      if (writeProbabilities) {
        await storedProbabilities(kept, { channels, voxels: voxelCount(cropped), regions: regions !== null });
        const each = async function* (): AsyncGenerator<Float32Array> {
          for (let k = 0; k < channels; k++)
            if (liesAsInFile(properties, turned)) yield* piecesOf(kept, k, voxelCount(cropped));
            else yield* inPieces(await restoreChannel(await kept.read(k, 0, voxelCount(cropped)), k, properties, grid));
        };
        await writeProbabilities(streamed({ grid, channels: probabilityNames() }, each));
      }
      return { segmentation, ...(nextStages ? { nextStages: following } : {}) };
    } finally {
      for (const store of new Set([logits.store, kept])) await store.close();
    }
  }

  function probabilityNames(): readonly string[] {
    const { hasRegions, foregroundNames } = plan.labels;
    return hasRegions ? foregroundNames : ['background', ...foregroundNames];
  }

  /** One channel of probabilities on the crop's grid -> on the file's. Outside the box nothing was seen: background for certain. */
  async function restoreChannel(
    values: Float32Array,
    channel: number,
    properties: PreprocessProperties,
    grid: Grid,
  ): Promise<Float32Array> {
    const uploaded = tensor(device, values, [1, ...properties.shapeAfterCropping]);
    const restored = restoreVoxels(uploaded, properties, channel === 0 && !regions ? 1 : 0);
    const voxels = (await restored.read()) as Float32Array;
    for (const made of new Set([uploaded, restored])) made.dispose();
    const placed = onFileGrid(grid, { kind: 'intensity', channels: ['one'], voxels }).voxels as Float32Array;
    if (placed.buffer !== voxels.buffer) release(voxels.buffer as ArrayBuffer);
    return placed;
  }

  async function probabilityVolume(uploaded: Tensor, grid: Grid, properties: PreprocessProperties): Promise<Volume> {
    const cropped = restoreLogits(uploaded, properties, settings);
    const channels = cropped.shape[0]!;
    const numbers = probabilitiesOf((await cropped.read()) as Float32Array, channels, regions !== null);
    if (cropped !== uploaded) cropped.dispose();
    const voxels = new Float32Array(channels * voxelCount(grid.shape));
    const size = numbers.length / channels;
    for (let k = 0; k < channels; k++)
      voxels.set(
        await restoreChannel(numbers.subarray(k * size, (k + 1) * size), k, properties, grid),
        k * voxelCount(grid.shape),
      );
    return { grid, kind: 'intensity', channels: probabilityNames(), voxels };
  }
}

/** Whether voxels of the crop's grid are the file's, in its order. */
export function liesAsInFile(
  { transposeForward, shapeBeforeCropping, shapeAfterCropping }: PreprocessProperties,
  turned: boolean,
): boolean {
  const whole = shapeAfterCropping.every((n, axis) => n === shapeBeforeCropping[axis]);
  return !turned && whole && transposeForward.join() === '0,1,2';
}

function streamed(
  { grid, channels }: Pick<StreamedVolume, 'grid' | 'channels'>,
  pieces: () => AsyncGenerator<Float32Array>,
): StreamedVolume {
  return { grid, kind: 'intensity', channels, type: 'float32', pieces };
}

function eachChannel(voxels: Float32Array, channels: readonly string[]): () => AsyncGenerator<Float32Array> {
  const size = voxels.length / channels.length;
  return async function* () {
    for (let k = 0; k < channels.length; k++) yield voxels.subarray(k * size, (k + 1) * size);
  };
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
