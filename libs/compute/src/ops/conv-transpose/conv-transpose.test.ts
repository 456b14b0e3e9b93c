import { testOp } from '../../testing/conformance.ts';
import { convTranspose } from './conv-transpose.ts';

testOp(convTranspose);
