import { testOp } from '../../testing/conformance.ts';
import { concat } from './concat.ts';

testOp(concat, { nonFinite: 'exact' });
