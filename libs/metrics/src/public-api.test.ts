import { expect, it } from 'vitest';
import * as api from './index.ts';

it('exports what it promises: growing this list is a decision', () => {
  expect(Object.keys(api).sort()).toMatchInlineSnapshot(`
    [
      "LabelPairs",
      "ScoreError",
      "SummaryError",
      "averageSurfaceDistance",
      "averageSymmetricSurfaceDistance",
      "casesWhere",
      "comparePaired",
      "compareSummaries",
      "confusionRates",
      "dice",
      "diceOrEmpty",
      "generalizedDice",
      "hausdorffDistance",
      "intersectionOverUnion",
      "iouOrEmpty",
      "mostScoreBytes",
      "normalizedSurfaceDice",
      "readSummary",
      "reduceScores",
      "referenceSummary",
      "relativeVolumeError",
      "scoreBytes",
      "scoreCase",
      "scoreKey",
      "scoreLabels",
      "stability",
      "summarize",
      "surfaceDiceOfVoxels",
      "surfaceDistances",
      "surfaceScores",
      "volumeErrorMm3",
      "writeSummary",
    ]
  `);
});
