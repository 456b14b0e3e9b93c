import { testOp } from '../../testing/conformance.ts';
import { convBiasGradient, convInputGradient, convWeightGradient } from './conv-gradients.ts';
import { conv } from './conv.ts';

testOp(conv);
testOp(convInputGradient);
testOp(convWeightGradient);
testOp(convBiasGradient);
