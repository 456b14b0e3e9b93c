import { testOp } from '../../testing/conformance.ts';
import { oneHot } from './one-hot.ts';

testOp(oneHot);
