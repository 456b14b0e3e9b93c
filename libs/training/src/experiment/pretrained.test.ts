import { buildNetwork, parametersOf, type NetworkConfig } from '@voxelwise/nets';
import { expect, it } from 'vitest';
import { isHead, matchesPattern, matchPretrained } from './pretrained.ts';

const config: NetworkConfig = {
  network: 'PlainConvUNet',
  inputChannels: 1,
  outputChannels: 2,
  featuresPerStage: [4, 8],
  kernelSizes: [
    [3, 3],
    [3, 3],
  ],
  strides: [
    [1, 1],
    [2, 2],
  ],
  encoderDepths: [1, 1],
  decoderDepths: [1],
  convolutionBias: true,
  normEpsilon: 1e-5,
  slope: 0.01,
};
const weightsOf = (given: NetworkConfig) =>
  new Map(
    Array.from(parametersOf(buildNetwork(given)), ([name, { shape }]) => [
      name,
      { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) },
    ]),
  );

it('takes everything but the heads, whatever labels they were for', () => {
  const { weights, report } = matchPretrained(config, weightsOf({ ...config, outputChannels: 7 }));
  expect([...weights.keys()].some(isHead)).toBe(false);
  expect(report.loaded.length + report.reinitialized.length).toBe(parametersOf(buildNetwork(config)).size);
  expect(report.unused).toEqual([]);
});

it('starts afresh what it is told to, and refuses the rest that does not fit, naming both shapes', () => {
  const wider = weightsOf({ ...config, featuresPerStage: [6, 8] });
  expect(() => matchPretrained(config, wider)).toThrow(
    /encoder\.stages\.0\.blocks\.0\.conv\.weight is \[6, 1, 3, 3\], the network's \[4, 1, 3, 3\]/,
  );
  const { report } = matchPretrained(config, wider, {
    reinit: (name) => !matchesPattern(name, 'encoder.stages.1.*.bias'),
  });
  expect(report.loaded).toEqual(['encoder.stages.1.blocks.0.conv.bias', 'encoder.stages.1.blocks.0.norm.bias']);
});
