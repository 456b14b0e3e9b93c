/** A training under way: the network, its optimizer and running average on the device, and the position in the experiment. */
import { OutOfMemoryError, Philox, type Tensor } from '@voxelwise/compute';
import {
  buildNetwork,
  disposeWeights,
  initialize,
  loadWeights,
  parametersOf,
  type Module,
  type Weights,
} from '@voxelwise/nets';
import { encodeCheckpoint, tensorsOf, type Checkpoint, type Position } from '../experiment/checkpoint.ts';
import { TrainingError } from '../errors.ts';
import { lossNamed } from '../losses/catalogue.ts';
import { PseudoDice } from '../losses/pseudo-dice.ts';
import { targetsOf } from '../losses/targets.ts';
import { WeightAverage } from '../optimizers/weight-average.ts';
import { makeOptimizer, type Optimizer } from '../optimizers/optimizer.ts';
import type { Augmentation } from '../sampling/augmentation.ts';
import { drawBatch, type Batch } from '../sampling/batch.ts';
import { noAugmentation } from '../sampling/mirroring.ts';
import { foregroundSampler, type Sampler } from '../sampling/sampler.ts';
import { learningRate } from '../schedules/learning-rate.ts';
import { frugality } from './checkpointing.ts';
import { divergence } from './divergence.ts';
import { findBreak } from './find-break.ts';
import { checkpointingNote, stepDoesNotFit } from './memory.ts';
import { learn, measure, spatial, type StepParts } from './network-step.ts';
import type { EpochReport, StepReport } from './reports.ts';
import type { TrainOptions } from './train-options.ts';
import { augmentationNamed, previousLabelProbability } from '../sampling/catalogue.ts';

export class TrainingRun {
  readonly #options: TrainOptions;
  readonly #network: Module;
  #parts: StepParts;
  /** Parameters that learn, in order. */
  readonly #learned: ReadonlyMap<string, Tensor>;
  readonly #optimizer: Optimizer;
  readonly #average: WeightAverage | undefined;
  readonly #random: Philox;
  #position: Position;
  /** Whether a step of this run has been done: the next ones need no more memory. */
  #stepped = false;
  /** What the next report says beside its own. */
  #note: string | undefined;
  readonly #augmentation: Augmentation;
  readonly #sampler: Sampler;
  #next: { readonly step: number; readonly batch: Promise<Batch> } | undefined;

  constructor(options: TrainOptions, saved: Checkpoint | undefined) {
    const { device, network: config, labels, settings } = options;
    this.#options = options;
    this.#network = (options.build ?? buildNetwork)(config);
    if (saved) loadWeights(this.#network, device, tensorsOf(saved, 'weights') as Weights);
    else this.#start();
    const frozen = options.pretrained?.freeze;
    const parameters = [...parametersOf(this.#network)];
    const all = new Map(parameters.map(([name, parameter]) => [name, parameter.value]));
    this.#learned = new Map(
      parameters.flatMap(([name, { learned, value }]) => (learned && !frozen?.(name) ? [[name, value]] : [])),
    );
    this.#optimizer = makeOptimizer(device, settings.optimizer, this.#learned, saved);
    this.#average = settings.average && new WeightAverage(device, settings.average, all, saved);
    this.#parts = {
      device,
      config,
      network: this.#network,
      labels,
      settings,
      checkpointing: options.checkpointing ?? 'none',
      loss: options.loss ?? lossNamed(settings.loss, labels, settings),
    };
    this.#random = new Philox(options.seed).split('training');
    this.#sampler = options.sampler ?? foregroundSampler(settings.foregroundShare, settings.foregroundBy);
    this.#augmentation =
      options.augmentation ?? augmentationNamed(settings, options.patch, options.augmentOn ?? device);
    this.#position = saved?.position ?? { step: 0, steps: settings.steps, lossSum: 0, history: [] };
    if (saved && saved.settings.steps !== settings.steps) this.#position = { ...this.#position, steps: settings.steps };
  }

  get #previousLabels(): readonly number[] | undefined {
    return this.#options.cascade ? this.#options.labels.foregroundLabels : undefined;
  }

  get position(): Position {
    return this.#position;
  }

  get finished(): boolean {
    return this.#position.step >= this.#position.steps;
  }

  /** Does one step. Throws: DivergenceError when the loss is no number. */
  async step(): Promise<StepReport> {
    const { settings } = this.#options;
    const { step, steps } = this.#position;
    const batch = await this.#batch(step);
    const rate = this.#rate(step);
    const [value, length] = await this.#learn(batch, rate, step);
    if (!Number.isFinite(value) || !Number.isFinite(length)) await this.#diverged(step, batch, value);
    this.#position = { ...this.#position, step: step + 1, lossSum: this.#position.lossSum + value };
    return { epoch: Math.floor(step / settings.stepsPerEpoch), step: step + 1, steps, loss: value, learningRate: rate };
  }

  /**
   * Loss and norm of the gradient. A step's memory is planned before anything is computed: where the first one would not
   * fit, more and more of it is computed again instead of being kept.
   */
  async #learn(batch: Batch, rate: number, step: number): Promise<readonly [loss: number, norm: number]> {
    const { checkpointing } = this.#options;
    const levels = frugality(batch.samples, this.#network);
    for (;;)
      try {
        return await this.#learnOnce(batch, rate, step);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        // A step is one program: one that did not get its memory has changed no weight.
        const next = levels[levels.indexOf(this.#parts.checkpointing ?? 'none') + 1];
        if (checkpointing !== undefined || this.#stepped || next === undefined)
          throw await stepDoesNotFit(error, batch, this.#parts, {
            settings: this.#options.settings,
            build: this.#options.build,
            frozen: this.#options.pretrained?.freeze,
          });
        this.#parts = { ...this.#parts, checkpointing: next };
        this.#note = checkpointingNote(error, next);
      }
  }

  async #learnOnce(batch: Batch, rate: number, step: number): Promise<readonly [loss: number, norm: number]> {
    const { loss, norm } = learn(this.#parts, batch, this.#optimizer, [...this.#learned.values()], rate, step + 1);
    try {
      this.#average?.update(step);
      const reading = Promise.all([loss.read(), norm.read()]);
      // While the device computes, this thread cuts and augments the next batch.
      if (step + 1 < this.#position.steps) void this.#batch(step + 1).catch(() => undefined);
      const [[value], [length]] = (await reading) as unknown as [[number], [number]];
      this.#stepped = true;
      return [value, length];
    } finally {
      loss.dispose();
      norm.dispose();
    }
  }

  /** Whether an epoch has just ended. */
  get epochEnded(): boolean {
    return this.finished || this.#position.step % this.#options.settings.stepsPerEpoch === 0;
  }

  /** Measures on validation patches and writes the epoch into the history. */
  async endEpoch(note?: string): Promise<EpochReport> {
    const { settings } = this.#options;
    const { step, steps, lossSum, history } = this.#position;
    const epoch = history.length;
    const stepsDone = step - Math.min(step, epoch * settings.stepsPerEpoch) || settings.stepsPerEpoch;
    const { loss, dice, mean } = await this.#validate(epoch);
    const before = history.at(-1)?.emaDice ?? null;
    const ema = mean === null ? before : before === null ? mean : 0.9 * before + 0.1 * mean;
    const bestBefore = Math.max(-1, ...history.map((report) => report.emaDice ?? -1));
    const best = ema !== null && ema > bestBefore;
    const said =
      [this.#note, note ?? plateauNote(history, ema)].filter((part) => part !== undefined).join(' ') || undefined;
    this.#note = undefined;
    const report: EpochReport = {
      epoch,
      epochs: Math.ceil(steps / settings.stepsPerEpoch),
      step,
      steps,
      trainLoss: lossSum / stepsDone,
      validationLoss: loss,
      dice,
      meanDice: mean,
      emaDice: ema,
      best,
      learningRate: this.#rate(Math.max(0, step - 1)),
      ...(said === undefined ? {} : { note: said }),
    };
    this.#position = { ...this.#position, lossSum: 0, history: [...history, report] };
    return report;
  }

  /** Does another number of steps than planned; the schedule ends with them. */
  resize(steps: number): void {
    this.#position = { ...this.#position, steps: Math.max(this.#position.step, steps) };
  }

  /** The whole state as bytes. */
  async save(): Promise<Uint8Array> {
    const { settings, seed, identity = {} } = this.#options;
    const groups: [string, ReadonlyMap<string, Tensor>][] = [
      ['weights.', new Map(Array.from(parametersOf(this.#network), ([name, parameter]) => [name, parameter.value]))],
      ['', this.#optimizer.state],
      ['average.', this.#average?.tensors ?? new Map<string, Tensor>()],
    ];
    const named = groups.flatMap(([prefix, tensors]) =>
      Array.from(tensors, ([name, tensor]) => [prefix + name, tensor] as const),
    );
    const arrays = await Promise.all(
      named.map(async ([name, tensor]) => [name, { shape: tensor.shape, data: await tensor.read() }] as const),
    );
    return encodeCheckpoint({ position: this.#position, seed, settings, identity, tensors: new Map(arrays) });
  }

  dispose(): void {
    disposeWeights(this.#network);
    for (const tensor of this.#optimizer.state.values()) tensor.dispose();
    for (const tensor of this.#average?.tensors.values() ?? []) tensor.dispose();
  }

  #rate(step: number): number {
    const { settings, schedule } = this.#options;
    const { steps } = this.#position;
    return schedule ? schedule(step, steps) : learningRate({ ...settings, steps }, step);
  }

  #start(): void {
    const { device, seed, pretrained } = this.#options;
    initialize(this.#network, device, { seed });
    if (!pretrained) return;
    const parameters = parametersOf(this.#network);
    for (const [name, array] of pretrained.weights) {
      const parameter = parameters.get(name);
      if (parameter === undefined)
        throw new TrainingError(`train: the pretrained weights hold ${name}, which the network does not have.`, {
          name,
        });
      parameter.value.dispose();
      const single = new Map([[name, array]]);
      loadWeights({ [name]: parameter }, device, single);
    }
  }

  #batch(step: number): Promise<Batch> {
    if (this.#next?.step === step) return this.#next.batch;
    const { cases, train, patch, settings } = this.#options;
    const batch = drawBatch({
      cases,
      ids: train,
      patch,
      batchSize: settings.batchSize,
      sampler: this.#sampler,
      augmentation: this.#augmentation,
      previousLabels: this.#previousLabels,
      previousLabelProbability: previousLabelProbability(settings),
      random: this.#random.split(step),
    });
    this.#next = { step, batch };
    return batch;
  }

  async #validate(
    epoch: number,
  ): Promise<{ loss: number | null; dice: readonly (number | null)[]; mean: number | null }> {
    const { validation, validationSteps, ...request } = { ...this.#options, ...this.#options.settings };
    const score = new PseudoDice(this.#options.labels);
    if (validation.length === 0 || validationSteps === 0) return { loss: null, dice: score.dice(), mean: null };
    const restore = this.#average?.lend(this.#network);
    let sum = 0;
    try {
      for (let k = 0; k < validationSteps; k++) {
        const random = new Philox(request.seed).split('validation').split(epoch).split(k);
        const batch = await drawBatch({
          ...request,
          ids: validation,
          sampler: foregroundSampler(request.foregroundShare, request.foregroundBy),
          augmentation: noAugmentation,
          previousLabels: this.#previousLabels,
          random,
        });
        const { loss, logits } = measure(this.#parts, batch);
        const [[value], numbers] = await Promise.all([loss.read(), logits.read()]);
        loss.dispose();
        logits.dispose();
        sum += value!;
        score.add(numbers as Float32Array, targetsOf(batch.labels, batch.samples, this.#options.labels), batch.samples);
      }
    } finally {
      restore?.();
    }
    return { loss: sum / validationSteps, dice: score.dice(), mean: score.mean() };
  }

  /** Says where the numbers broke. A gradient that is no number has changed no weight, so that the step can be done again. */
  async #diverged(step: number, batch: Batch, loss: number): Promise<never> {
    const found = await findBreak(this.#parts, batch).catch((error: unknown) => {
      if (error instanceof OutOfMemoryError) return undefined;
      throw error;
    });
    throw divergence({ step, loss, batch, found, patch: spatial(this.#options.network, batch.patch) });
  }
}

/** Epochs in which the pseudo Dice must rise, and by how much, for more of them to be worth while. */
const PLATEAU = { epochs: 50, rise: 1e-3 };

function plateauNote(history: readonly EpochReport[], ema: number | null): string | undefined {
  const best = (reports: readonly EpochReport[]): number =>
    Math.max(-1, ...reports.map((report) => report.emaDice ?? -1));
  const before = history.slice(0, -(PLATEAU.epochs - 1));
  if (ema === null || before.length === 0 || (history.length + 1) % PLATEAU.epochs !== 0) return undefined;
  if (Math.max(ema, best(history.slice(before.length))) > best(before) + PLATEAU.rise) return undefined;
  return `The pseudo Dice has not risen for ${PLATEAU.epochs} epochs; more of them will hardly help.`;
}
