import { testOp } from '../../testing/conformance.ts';
import { avgPool, avgPoolGradient, maxPool, maxPoolGradient } from './pool.ts';

for (const op of [avgPool, avgPoolGradient, maxPool]) testOp(op);
testOp(maxPoolGradient);
