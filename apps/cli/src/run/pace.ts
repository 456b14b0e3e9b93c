/**
 * Predicting in time: before each case, what the time left allows. Mirroring goes first, then overlap; every case is predicted
 * whatever happens, and what was asked for is written.
 */

export interface Inference {
  readonly stepSize: number;
  readonly mirroring: boolean;
}

export interface PaceSettings {
  readonly planned: Inference;
  /** Copies of a window that mirroring makes, itself included. */
  readonly mirrorCopies: number;
  /** Axes along which windows overlap. */
  readonly dimensions: number;
  /** Of one case as planned, before one was predicted. */
  readonly expectedSeconds: number;
  readonly secondsLeft: () => number;
  /** Told once per step down. */
  readonly onHurry?: (inference: Inference, secondsLeft: number) => void;
}

/** Steps of windows that are tried in a hurry; 1 is no overlap. */
const LARGER_STEPS = [0.75, 1];

export class Pace {
  readonly #settings: PaceSettings;
  readonly #ladder: readonly { readonly inference: Inference; readonly cost: number }[];
  /** Seconds of a case of cost 1. */
  #unit: number;
  #level = 0;

  constructor(settings: PaceSettings) {
    this.#settings = settings;
    const { planned, mirrorCopies, dimensions } = settings;
    const ladder = [
      planned,
      { ...planned, mirroring: false },
      ...LARGER_STEPS.filter((step) => step > planned.stepSize).map((stepSize) => ({ stepSize, mirroring: false })),
    ];
    this.#ladder = ladder
      .filter((inference, k) => k === 0 || inference.stepSize !== planned.stepSize || planned.mirroring)
      .map((inference) => ({
        inference,
        cost: (inference.mirroring ? mirrorCopies : 1) * (0.5 / inference.stepSize) ** dimensions,
      }));
    this.#unit = settings.expectedSeconds / this.#ladder[0]!.cost;
  }

  /** How to predict the next of `cases`. Goes back up when time turns out to be there. */
  next(cases: number): Inference {
    const left = this.#settings.secondsLeft();
    const fits = this.#ladder.findIndex(({ cost }) => cost * this.#unit * cases <= left);
    const level = fits < 0 ? this.#ladder.length - 1 : fits;
    if (level > this.#level) this.#settings.onHurry?.(this.#ladder[level]!.inference, Math.max(0, left));
    this.#level = level;
    return this.#ladder[level]!.inference;
  }

  /** A case took so long. What does not shrink with the windows (reading, resampling) counts as if it did: that is the safe side. */
  took(seconds: number): void {
    const measured = seconds / this.#ladder[this.#level]!.cost;
    // A machine that gets busy shows at once; one that gets free again must show twice.
    this.#unit = measured > this.#unit ? measured : (measured + this.#unit) / 2;
  }
}
