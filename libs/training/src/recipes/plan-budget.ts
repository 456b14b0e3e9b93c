/**
 * Turns a budget of seconds into a training that ends in time: measures what a step takes here for a few widths, keeps back
 * what the predictions will take, and chooses width, steps and recipe. With time for it, the recipe is nnU-Net's own.
 */
import type { Device } from '@voxelwise/compute';
import { patchOf, placements } from '@voxelwise/inference';
import type { NetworkConfig } from '@voxelwise/nets';
import type { ConfigurationPlan } from '@voxelwise/planner';
import type { PerAxis } from '@voxelwise/volume';
import type { CaseSource } from '../cases/prepared-case.ts';
import { BudgetError } from '../errors.ts';
import type { TrainOptions } from '../loop/train-options.ts';
import type { BudgetPlan, Decision } from './budget.ts';
import { secondsPerStep, secondsPerWindow, type Clock } from './measure.ts';
import { nnunetSettings } from './nnunet.ts';
import { shortSettings } from './short.ts';
import type { TrainingSettings } from './training-settings.ts';

export interface BudgetRequest {
  readonly device: Device;
  /** Where patches are augmented; see `TrainOptions`. */
  readonly augmentOn?: Device;
  /** What nnU-Net would train. */
  readonly plan: ConfigurationPlan;
  readonly cases: CaseSource;
  readonly ids: readonly string[];
  /** For all folds together: training and the predictions that follow. */
  readonly seconds: number;
  readonly folds: number;
  /** Whole images to predict afterwards. */
  readonly predictions: number;
  /** A clock in seconds. */
  readonly now: Clock;
}

/** Steps from which nnU-Net's own recipe (momentum 0.99, rate 0.01) beats the short one: a tenth of its schedule. */
const REFERENCE_STEPS = 25_000;
/** Steps of two samples that a width should get before a wider network is worth its time. Measured on hippocampi. */
const STEPS_WORTH = [
  { width: 8, steps: 0 },
  { width: 16, steps: 400 },
  { width: 24, steps: 4000 },
  { width: 32, steps: 6000 },
] as const;
/** Share of the time kept back: other programs, slow disks, warm machines. */
const SLACK = 0.06;
/** Share of the time that mirroring may take when predicting. */
const MIRRORING_SHARE = 0.12;
/** Share of the time that measuring may take. */
const MEASURING_SHARE = 0.05;
/** Reading, preprocessing, restoring and writing one image, on top of the network. */
const SECONDS_PER_IMAGE = 0.25;
const FEWEST_STEPS = 20;

interface Candidate {
  readonly network: NetworkConfig;
  readonly patch: PerAxis;
  readonly secondsPerStep: number;
  readonly width: number;
}

/** Throws: BudgetError if not even the narrowest network gets a few steps. */
export async function planBudget(request: BudgetRequest): Promise<BudgetPlan> {
  const { plan, seconds, folds, predictions, now, device } = request;
  const begun = now();
  const left = (): number => (seconds - (now() - begun)) * (1 - SLACK);
  const candidates = await measureCandidates(request);
  const { chosen, why } = choose(candidates, left() / folds);
  const { network, patch } = chosen;

  const perWindow = await secondsPerWindow({ device }, network, patch, now);
  const prediction = predictionTime(plan, patch, perWindow, predictions);
  const mirrored = 2 ** nnunetSettings(plan).mirrorAxes.length;
  const plain = prediction(1);
  const mirroring = prediction(mirrored) <= MIRRORING_SHARE * left() || prediction(mirrored) - plain < 5;
  const predictionSeconds = mirroring ? prediction(mirrored) : plain;
  const trainingSeconds = left() - predictionSeconds;
  const perEpoch = validationSeconds(chosen.secondsPerStep);
  const settings = settingsFor(plan, chosen, trainingSeconds / folds, perEpoch);
  if (settings.steps < FEWEST_STEPS)
    throw new BudgetError(
      `planBudget: ${seconds.toFixed(0)} s are too few: predicting takes ${predictionSeconds.toFixed(0)} s, and of the narrowest network's steps (${chosen.secondsPerStep.toFixed(2)} s each) only ${Math.max(0, settings.steps)} fit. Give it more time, fewer folds, or a smaller configuration.`,
      { seconds, predictionSeconds, secondsPerStep: chosen.secondsPerStep },
    );
  const decisions: Decision[] = [
    { name: 'width', value: String(chosen.width), why },
    ...(patch.join() === patchOf(plan).join()
      ? []
      : [
          {
            name: 'patch',
            value: patch.join('×'),
            why: `a step over ${patchOf(plan).join('×')} voxels takes too long for this budget`,
          },
        ]),
    {
      name: 'batch',
      value: String(settings.batchSize),
      why: settings.recipe === 'nnunet' ? 'as planned' : 'with few steps, more of them teach more than larger batches',
    },
    {
      name: 'steps',
      value: String(settings.steps),
      why: `${chosen.secondsPerStep.toFixed(2)} s each, measured here on ${device.name}; ${(trainingSeconds / folds).toFixed(0)} s for training each fold`,
    },
    { name: 'recipe', value: settings.recipe, why: recipeReason(settings) },
    {
      name: 'mirroring',
      value: mirroring ? 'yes' : 'no',
      why: `${predictions} images take ${plain.toFixed(0)} s plain and ${prediction(mirrored).toFixed(0)} s mirrored`,
    },
  ];
  return {
    network,
    patch,
    settings,
    inference: { stepSize: 0.5, mirroring },
    expected: {
      secondsPerStep: chosen.secondsPerStep,
      trainingSeconds,
      predictionSeconds,
      secondsPerPrediction: predictionSeconds / Math.max(1, predictions),
    },
    decisions,
  };
}

/** Narrow to wide; a wider one that could not get its steps is not tried. */
async function measureCandidates(request: BudgetRequest): Promise<readonly Candidate[]> {
  const { plan, seconds, folds, now } = request;
  const begun = now();
  const found: Candidate[] = [];
  const full = plan.network.featuresPerStage[0]!;
  let patch = patchOf(plan);
  for (const { width, steps } of STEPS_WORTH) {
    if (width > full && found.length > 0) break;
    const network = narrowed(plan.network, Math.min(width, full));
    const measured = (size: PerAxis): Promise<number> =>
      secondsPerStep(trainOptions(request, network, size), now, { atMost: (MEASURING_SHARE * seconds) / 4 });
    let each = await measured(patch);
    // Only where the narrowest network is too slow: halve the longest axes until some hundred steps fit.
    while (found.length === 0 && each * 200 * folds > seconds && canHalve(plan, patch)) {
      patch = halved(plan, patch);
      each = await measured(patch);
    }
    found.push({ network, patch, secondsPerStep: each, width: network.featuresPerStage[0]! });
    const next = STEPS_WORTH.find((row) => row.width > width);
    // A wider network takes longer by at least the ratio of widths.
    if (next && each * (next.width / width) * Math.max(next.steps, steps) * folds > seconds) break;
    if (now() - begun > MEASURING_SHARE * seconds) break;
  }
  return found;
}

function choose(
  candidates: readonly Candidate[],
  secondsPerFold: number,
): { readonly chosen: Candidate; readonly why: string } {
  const stepsOf = (one: Candidate): number => Math.floor(secondsPerFold / one.secondsPerStep);
  const worth = (one: Candidate): number => STEPS_WORTH.find((row) => row.width >= one.width)?.steps ?? 0;
  const chosen = [...candidates].reverse().find((one) => stepsOf(one) >= worth(one)) ?? candidates[0]!;
  const tried = candidates
    .map(
      (one) => `${one.width}: ${one.secondsPerStep.toFixed(2)} s a step, ${stepsOf(one)} steps (wants ${worth(one)})`,
    )
    .join('; ');
  return { chosen, why: `the widest whose steps suffice: ${tried}` };
}

function settingsFor(
  plan: ConfigurationPlan,
  chosen: Candidate,
  secondsPerFold: number,
  perEpoch: number,
): TrainingSettings {
  const planned = patchOf(plan).join() === chosen.patch.join() && chosen.width === plan.network.featuresPerStage[0];
  const perPlannedStep = (chosen.secondsPerStep * plan.batchSize) / 2;
  const referenceSteps = Math.floor(secondsPerFold / (perPlannedStep * 1.07));
  if (planned && referenceSteps >= REFERENCE_STEPS)
    return nnunetSettings(plan, { epochs: Math.min(1000, Math.floor(referenceSteps / 250)) });
  const sized = { ...plan, patchSize: plan.dimensions === 2 ? chosen.patch.slice(1) : chosen.patch };
  const first = shortSettings(sized, { steps: Math.max(1, Math.floor(secondsPerFold / chosen.secondsPerStep)) });
  const epochs = Math.ceil(first.steps / first.stepsPerEpoch);
  return {
    ...shortSettings(sized, { steps: Math.floor((secondsPerFold - epochs * perEpoch) / chosen.secondsPerStep) }),
    stretch: true,
  };
}

function recipeReason({ recipe }: TrainingSettings): string {
  return recipe === 'nnunet'
    ? `nnU-Net's own: there is time for ${REFERENCE_STEPS} steps and more`
    : `nnU-Net's momentum 0.99 and rate 0.01 want ${REFERENCE_STEPS} steps and more; AdamW with a warm-up, a cosine schedule and averaged weights learns from fewer`;
}

/** A validation pass forwards a few batches: about a third of a step each; writing the state comes on top. */
function validationSeconds(perStep: number): number {
  return (4 * perStep) / 3 + 0.2;
}

function predictionTime(
  plan: ConfigurationPlan,
  patch: PerAxis,
  perWindow: number,
  predictions: number,
): (copies: number) => number {
  const median = plan.medianShape.length === 2 ? [1, ...plan.medianShape] : plan.medianShape;
  const shape = median.map((n) => Math.max(1, Math.ceil(n))) as unknown as PerAxis;
  const windows = placements(shape, patch, 0.5).length;
  return (copies) => predictions * (SECONDS_PER_IMAGE + windows * perWindow * copies * 1.15);
}

/** The same network with other widths, the ratio between stages kept. */
export function narrowed(network: NetworkConfig, width: number): NetworkConfig {
  const first = network.featuresPerStage[0]!;
  return {
    ...network,
    featuresPerStage: network.featuresPerStage.map((features) => Math.max(1, Math.round((features * width) / first))),
  };
}

function trainOptions(request: BudgetRequest, network: NetworkConfig, patch: PerAxis): TrainOptions {
  const { device, plan, cases, ids, augmentOn } = request;
  const sized = { ...plan, patchSize: plan.dimensions === 2 ? patch.slice(1) : patch };
  const settings = shortSettings(sized, { steps: 100 });
  return {
    device,
    network,
    patch,
    labels: plan.labels,
    settings,
    cases,
    train: ids,
    validation: [],
    seed: 0,
    ...(plan.previousStage === undefined ? {} : { cascade: true }),
    ...(augmentOn ? { augmentOn } : {}),
  };
}

/** How often each axis is halved on the way down. */
function divisor(plan: ConfigurationPlan): PerAxis {
  const strides = plan.network.strides.map((stride) => (stride.length === 2 ? [1, ...stride] : stride));
  return [0, 1, 2].map((axis) => strides.reduce((product, stride) => product * stride[axis]!, 1)) as unknown as PerAxis;
}

function canHalve(plan: ConfigurationPlan, patch: PerAxis): boolean {
  const least = divisor(plan);
  return patch.some((n, axis) => n >= 4 * least[axis]! && n > 16);
}

/** Halves the longest axis that allows it, kept a multiple of what the network divides by. */
function halved(plan: ConfigurationPlan, patch: PerAxis): PerAxis {
  const least = divisor(plan);
  const axes = [0, 1, 2].filter((axis) => patch[axis]! >= 4 * least[axis]! && patch[axis]! > 16);
  const longest = axes.reduce((best, axis) => (patch[axis]! > patch[best]! ? axis : best), axes[0]!);
  return patch.map((n, axis) =>
    axis === longest ? Math.max(least[axis]!, Math.round(n / 2 / least[axis]!) * least[axis]!) : n,
  ) as unknown as PerAxis;
}
