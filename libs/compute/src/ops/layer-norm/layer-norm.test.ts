import { testOp } from '../../testing/conformance.ts';
import { layerNormGradient, layerNormWithMoments } from './layer-norm.ts';

// What comes beside the result is for the way back alone.
testOp(layerNormWithMoments, { differentiable: [0] });
testOp(layerNormGradient);
