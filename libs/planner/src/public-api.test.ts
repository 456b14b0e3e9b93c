import { expect, it } from 'vitest';
import * as api from './index.ts';

it('exports what it promises: growing this list is a decision', () => {
  expect(Object.keys(api).sort()).toMatchInlineSnapshot(`
    [
      "FingerprintError",
      "LabelsError",
      "PlanError",
      "SplitsError",
      "assignedSplits",
      "channelNames",
      "checkDatasetJson",
      "checkFingerprint",
      "checkSplits",
      "configurationNames",
      "configurationPlan",
      "convertOldConfiguration",
      "diffPlans",
      "explainPlans",
      "explanationText",
      "featureMapValues",
      "labelKey",
      "labelScheme",
      "makeGroupedSplits",
      "makeSplits",
      "planExperiment",
      "planners",
      "plansFrom",
      "predictMemory",
      "predictPlanMemory",
      "readFingerprint",
      "readPlans",
      "referenceSpacing",
      "resolveConfiguration",
      "setPlanValue",
      "splitForFold",
      "takeFingerprint",
      "topologyFor",
      "turnsToCanonical",
      "writeFingerprint",
      "writePlans",
    ]
  `);
});
