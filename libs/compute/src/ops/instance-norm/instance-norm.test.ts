import { testOp } from '../../testing/conformance.ts';
import { instanceNormGradient, instanceNormWithMoments } from './instance-norm.ts';

testOp(instanceNormWithMoments);
testOp(instanceNormGradient);
