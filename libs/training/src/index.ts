/** The loop, losses, optimizers and experiment state. */
export { BudgetError, DivergenceError, TrainingError } from './errors.ts';
export { train } from './loop/train.ts';
export type { TrainOptions } from './loop/train-options.ts';
export { logitsOf, type Checkpointing } from './loop/checkpointing.ts';
export { requireStepMemory, type StepRequest } from './loop/memory.ts';
export { trainingHostBytes } from './loop/step-memory.ts';
export type { EpochReport, StepReport, TrainResult } from './loop/reports.ts';
export type { OptimizerSettings, ScheduleSettings, TrainingSettings } from './recipes/training-settings.ts';
export { nnunetSettings, type NnunetOptions } from './recipes/nnunet.ts';
export { trainerNamed, trainerNames, type TrainerChange } from './recipes/trainers.ts';
export { shortSettings, type ShortOptions } from './recipes/short.ts';
export { planBudget, type BudgetRequest } from './recipes/plan-budget.ts';
export type { BudgetPlan, Decision } from './recipes/budget.ts';
export type { CaseSource, Crop, PreparedCase } from './cases/prepared-case.ts';
export { cutBox, memoryCase, memoryCases, type CaseArrays } from './cases/memory-case.ts';
export { prepareCase, type PrepareOptions } from './cases/prepare-case.ts';
export { caseFromNnunet, type NnunetCaseFiles } from './cases/nnunet-case.ts';
export { withPreviousStage } from './cases/staged-cases.ts';
export { decodeCase, encodeCase } from './cases/case-file.ts';
export type { Augmentation } from './sampling/augmentation.ts';
export { inTurn, mirroring, noAugmentation } from './sampling/mirroring.ts';
export { wholeAugmentation, type AugmentationOptions } from './sampling/nnunet-augmentation.ts';
export { initialPatch, rotationPlan, type RotationPlan } from './sampling/initial-patch.ts';
export { drawBatch, type Batch, type BatchRequest } from './sampling/batch.ts';
export { foregroundSampler, type SampleRequest, type Sampler } from './sampling/sampler.ts';
export { drawPatchStart, isForced, startRange, type Draw, type PatchBoxRequest } from './sampling/patch-box.ts';
export type { Loss } from './losses/loss.ts';
export { lossNamed, lossNames } from './losses/catalogue.ts';
export {
  diceLoss,
  generalizedDiceLoss,
  tverskyLoss,
  type DiceLossOptions,
  type GeneralizedDiceOptions,
  type TverskyOptions,
} from './losses/overlap/dice-loss.ts';
export { focalLoss, type FocalOptions } from './losses/overlap/focal-loss.ts';
export {
  diceCrossEntropyLoss,
  diceFocalLoss,
  generalizedDiceFocalLoss,
  levelWeights,
  overLevels,
  type DiceCrossEntropyLossOptions,
} from './losses/overlap/combined-losses.ts';
export { PseudoDice } from './losses/pseudo-dice.ts';
export { outputShapes, outputWeights, shrinkLabels, targetsOf } from './losses/targets.ts';
export { makeOptimizer, type Optimizer, type StepNumbers } from './optimizers/optimizer.ts';
export { WeightAverage } from './optimizers/weight-average.ts';
export { learningRate } from './schedules/learning-rate.ts';
export {
  decodeCheckpoint,
  encodeCheckpoint,
  isCheckpoint,
  predictingWeights,
  tensorsOf,
  type Checkpoint,
  type Position,
} from './experiment/checkpoint.ts';
export {
  isHead,
  matchesPattern,
  matchPretrained,
  type PretrainedMatch,
  type PretrainedOptions,
} from './experiment/pretrained.ts';
export { checkpointFromNnunet, nnunetTraining, type NnunetResume } from './experiment/nnunet-training.ts';
export { CHECKPOINT, PROGRESS, memoryStore, type StateStore } from './experiment/state-store.ts';
