import { expect, it } from 'vitest';
import * as api from './index.ts';

it('exports what it promises: growing this list is a decision', () => {
  expect(Object.keys(api).sort()).toMatchInlineSnapshot(`
    [
      "EnsembleError",
      "RunningSegmentation",
      "applyPostprocessing",
      "chooseBest",
      "determinePostprocessing",
      "ensembleName",
      "findBest",
      "inferenceInformation",
      "inferenceInstructions",
      "meanChannels",
      "meanProbabilities",
      "modelName",
      "parseModelName",
      "readInferenceInformation",
      "readPostprocessing",
      "segmentProbabilities",
      "vote",
      "writeInferenceInformation",
      "writePostprocessing",
    ]
  `);
});
