/** Fits the number of steps to the time there is, as the machine turns out to be faster or slower than it was when measured. */
import type { TrainingSettings } from '../recipes/training-settings.ts';
import type { TrainingRun } from './training-run.ts';

/** How much of the last epoch's pace goes into the running one: other programs come and go. */
const RECENT = 0.4;
/** Steps are added only where at least this share more fits, and not in the last tenth, where the schedule has come down. */
const GROWTH = 1.05;
const LATEST_GROWTH = 0.9;
/** Steps between two looks at an epoch that the time left cannot hold. */
const LOOK_EVERY = 10;

export class Pacer {
  readonly #run: TrainingRun;
  readonly #settings: TrainingSettings;
  readonly #secondsLeft: () => number;
  #before: number;
  #step: number;
  #secondsPerStep: number | undefined;

  constructor(run: TrainingRun, settings: TrainingSettings, secondsLeft: () => number) {
    this.#run = run;
    this.#settings = settings;
    this.#secondsLeft = secondsLeft;
    this.#before = secondsLeft();
    this.#step = run.position.step;
  }

  /** Called within an epoch: changes the run's steps, as `adjust` does, once it is seen that the epoch will not be finished in time. */
  adjustWithinEpoch(): string | undefined {
    const { step, steps } = this.#run.position;
    const done = step - this.#step;
    if (done === 0 || done % LOOK_EVERY !== 0) return undefined;
    const epochEnd = Math.ceil(step / this.#settings.stepsPerEpoch) * this.#settings.stepsPerEpoch;
    const left = this.#secondsLeft();
    const pace = (this.#before - left) / done;
    return steps < epochEnd || pace * (epochEnd - step) > left ? this.adjust() : undefined;
  }

  /** Called at an epoch's end: changes the run's steps and says why, or leaves them. Validation and saving count as part of the pace. */
  adjust(): string | undefined {
    const { step, steps: planned } = this.#run.position;
    const left = this.#secondsLeft();
    const pace = (this.#before - left) / Math.max(1, step - this.#step);
    this.#before = left;
    this.#step = step;
    if (step >= planned) return undefined;
    this.#secondsPerStep =
      this.#secondsPerStep === undefined ? pace : (1 - RECENT) * this.#secondsPerStep + RECENT * pace;
    const fit = step + Math.max(0, Math.floor(left / Math.max(1e-9, this.#secondsPerStep)));
    const most = this.#settings.stretch ? fit : this.#settings.steps;
    const wanted = Math.min(fit, most);
    const grows = wanted > planned * GROWTH && step < planned * LATEST_GROWTH;
    if (wanted >= planned && !grows) return undefined;
    this.#run.resize(wanted);
    const change = wanted - planned;
    return `${Math.abs(change)} steps were ${change < 0 ? 'dropped' : 'added'}, ${wanted} in all: a step takes ${this.#secondsPerStep.toFixed(2)} s and ${Math.max(0, left).toFixed(0)} s are left.`;
  }
}
