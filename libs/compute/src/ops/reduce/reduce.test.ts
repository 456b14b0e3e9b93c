import { testOp } from '../../testing/conformance.ts';
import { max, mean, min, sum } from './reduce.ts';

for (const op of [sum, mean, max, min]) testOp(op, { nonFinite: 'exact' });
