import { testOp } from '../../testing/conformance.ts';
import { logSoftmax, softmax } from './softmax.ts';

for (const op of [softmax, logSoftmax]) testOp(op);
