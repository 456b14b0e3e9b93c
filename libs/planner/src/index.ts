/** Fingerprint of a data set in, plans out. */
export { channelNames, checkDatasetJson, type DatasetJson } from './dataset/dataset-json.ts';
export { FingerprintError, LabelsError, PlanError, SplitsError } from './errors.ts';
export {
  checkFingerprint,
  type Fingerprint,
  type IntensityProperties,
  readFingerprint,
  type Triple,
  writeFingerprint,
} from './fingerprint/fingerprint.ts';
export { referenceSpacing } from './fingerprint/reference-spacing.ts';
export { takeFingerprint, type TakeFingerprintOptions } from './fingerprint/take-fingerprint.ts';
export {
  type LabelDeclaration,
  labelKey,
  type LabelOrRegion,
  type LabelScheme,
  labelScheme,
} from './labels/label-scheme.ts';
export { type PlanMemoryOptions, predictMemory, predictPlanMemory } from './memory/predict-memory.ts';
export {
  type ChannelPlan,
  configurationNames,
  type ConfigurationPlan,
  configurationPlan,
  type Normalization,
  type ResamplingPlan,
} from './plans/configuration-plan.ts';
export { diffPlans, type PlanDifference, setPlanValue } from './plans/edit.ts';
export { resolveConfiguration } from './plans/inheritance.ts';
export type {
  ArchitectureArguments,
  ArchitectureEntry,
  ConfigurationEntry,
  PlansFile,
  ResamplingArguments,
} from './plans/plans-file.ts';
export { convertOldConfiguration, plansFrom, readPlans, writePlans } from './plans/read-plans.ts';
export { explainPlans, type ExplainPlansOptions, explanationText } from './recipes/explain-plans.ts';
export type { Explanation } from './recipes/explanation.ts';
export { featureMapValues, type NetworkLayout } from './recipes/feature-maps.ts';
export { turnsToCanonical } from './recipes/image-reader.ts';
export { planExperiment, type PlanExperimentOptions, type PlannedExperiment } from './recipes/plan-experiment.ts';
export { type PlannerName, planners, type PlannerSettings } from './recipes/planner-settings.ts';
export { type Topology, topologyFor } from './recipes/topology.ts';
export {
  assignedSplits,
  checkSplits,
  type Fold,
  type GroupedSplitsOptions,
  makeGroupedSplits,
  makeSplits,
  type MakeSplitsOptions,
  type Split,
  splitForFold,
} from './splits/splits.ts';
