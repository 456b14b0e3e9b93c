import { testOp } from '../../testing/conformance.ts';
import { attentionGradient, attentionWithSums } from './attention.ts';

// What comes beside the result is for the way back alone.
testOp(attentionWithSums, { differentiable: [0] });
testOp(attentionGradient);
