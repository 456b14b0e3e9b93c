/** The training loop. It prints nothing and stops when its caller stops asking; what it has learned is saved as it goes. */
import { decodeCheckpoint, type Checkpoint } from '../experiment/checkpoint.ts';
import { CHECKPOINT, memoryStore, PROGRESS, type StateStore } from '../experiment/state-store.ts';
import { TrainingError } from '../errors.ts';
import type { EpochReport, TrainResult } from './reports.ts';
import type { TrainOptions } from './train-options.ts';
import { withAugmentDevice } from './augment-device.ts';
import { Pacer } from './pacer.ts';
import { isLoss, Reopening } from './reopening.ts';
import { TrainingRun } from './training-run.ts';

/** Steps between saves inside a long epoch. */
const SAVE_EVERY = 100;

/**
 * Trains one fold, a report per epoch. With a `store`, it goes on from the last saved state, and the final checkpoint holds
 * the same bytes whether it was interrupted or not (same seed, same device). With `reopen`, it also does after a lost device;
 * steps since the last state are done, and told to `onStep`, once more.
 *
 * Throws: TrainingError if the saved state is of another plan, or a lost device has no successor; DivergenceError;
 * DeviceError if the device is lost and there is no `reopen`; the signal's reason when aborted.
 */
export async function* train(given: TrainOptions): AsyncGenerator<EpochReport, TrainResult> {
  checkSettings(given);
  const { reopen, store = reopen && memoryStore() } = given;
  const reopening = reopen && new Reopening(reopen);
  let options: TrainOptions = { ...given, ...(store ? { store } : {}) };
  let saved = store && (await lastState(store, options));
  const resumed = saved !== undefined;
  for (;;)
    try {
      return { ...(yield* trainFrom(options, saved)), resumed };
    } catch (error) {
      if (!isLoss(error) || !reopening) throw error;
      saved = await lastState(store!, options);
      const device = await reopening.after(error, saved?.position.step ?? 0);
      options = { ...options, device, ...(options.augmentOn === options.device ? { augmentOn: device } : {}) };
    }
}

/** One device's share of a training: from a state, or from the start, to the end. */
async function* trainFrom(
  options: TrainOptions,
  saved: Checkpoint | undefined,
): AsyncGenerator<EpochReport, Omit<TrainResult, 'resumed'>> {
  const { store, signal, settings, secondsLeft } = options;
  const augmenting = await withAugmentDevice(options);
  const run = new TrainingRun(augmenting.options, saved);
  try {
    if (saved && run.finished) return resultOf(run);
    const pacer = secondsLeft && new Pacer(run, settings, secondsLeft);
    let note: string | undefined;
    while (!run.finished) {
      if (signal?.aborted) {
        await store?.write(CHECKPOINT.latest, await run.save());
        signal.throwIfAborted();
      }
      const done = await run.step();
      options.onStep?.(done);
      if (!run.epochEnded) note = pacer?.adjustWithinEpoch() ?? note;
      if (!run.epochEnded) {
        if (run.position.step % SAVE_EVERY === 0) await store?.write(CHECKPOINT.latest, await run.save());
        continue;
      }
      const report = await run.endEpoch(pacer?.adjust() ?? note);
      note = undefined;
      if (store) await saveEpoch(store, run, report);
      yield report;
    }
    return resultOf(run);
  } finally {
    run.dispose();
    augmenting.dispose();
  }
}

function checkSettings({ train: ids, settings }: TrainOptions): void {
  if (ids.length === 0) throw new TrainingError('train: there is no case to train on; check the splits.');
  if (!(settings.steps >= 1 && settings.stepsPerEpoch >= 1 && settings.batchSize >= 1))
    throw new TrainingError(
      `train: steps, steps per epoch and batch size are at least 1, came ${settings.steps}, ${settings.stepsPerEpoch}, ${settings.batchSize}.`,
      { settings },
    );
}

/** The state to go on from: the one that is furthest. A finished training that is extended has a final and a later one. */
async function lastState(store: StateStore, options: TrainOptions): Promise<Checkpoint | undefined> {
  let furthest: Checkpoint | undefined;
  for (const name of [CHECKPOINT.final, CHECKPOINT.latest]) {
    const bytes = await store.read(name);
    if (bytes === undefined) continue;
    const saved = decodeCheckpoint(bytes, name);
    const differing = differences(saved, options);
    if (differing.length > 0)
      throw new TrainingError(
        `train: ${name} was trained with other settings (${differing.join(', ')}). Train into another folder, or remove it to start again.`,
        { file: name, differing },
      );
    if (furthest === undefined || saved.position.step > furthest.position.step) furthest = saved;
  }
  return furthest;
}

function differences(saved: Checkpoint, { settings, seed, identity = {} }: TrainOptions): string[] {
  const rows = (checkpoint: Pick<Checkpoint, 'settings' | 'seed' | 'identity'>): [string, unknown][] => [
    ...Object.entries({ ...checkpoint.settings, steps: undefined, seed: checkpoint.seed }),
    ...Object.entries(checkpoint.identity),
  ];
  const before = new Map(rows(saved));
  const now = new Map(rows({ settings, seed, identity }));
  return [...new Set([...before.keys(), ...now.keys()])].filter(
    (key) => JSON.stringify(before.get(key)) !== JSON.stringify(now.get(key)),
  );
}

async function saveEpoch(store: StateStore, run: TrainingRun, report: EpochReport): Promise<void> {
  const state = await run.save();
  if (report.best) await store.write(CHECKPOINT.best, state);
  await store.write(
    PROGRESS,
    new TextEncoder().encode(
      `${JSON.stringify({ steps: run.position.steps, history: run.position.history }, null, 2)}\n`,
    ),
  );
  await store.write(run.finished ? CHECKPOINT.final : CHECKPOINT.latest, state);
  if (run.finished) await store.remove(CHECKPOINT.latest);
}

function resultOf(run: TrainingRun): Omit<TrainResult, 'resumed'> {
  const { history, step } = run.position;
  const emas = history.map((report) => report.emaDice).filter((ema) => ema !== null);
  return { steps: step, history, bestEmaDice: emas.length === 0 ? null : Math.max(...emas) };
}
