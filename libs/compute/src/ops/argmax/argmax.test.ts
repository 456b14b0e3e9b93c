import { testOp } from '../../testing/conformance.ts';
import { argmax } from './argmax.ts';

testOp(argmax);
