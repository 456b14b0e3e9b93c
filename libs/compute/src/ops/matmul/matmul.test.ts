import { testOp } from '../../testing/conformance.ts';
import { matmul } from './matmul.ts';

testOp(matmul);
