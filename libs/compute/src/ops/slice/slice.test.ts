import { testOp } from '../../testing/conformance.ts';
import { slice } from './slice.ts';

testOp(slice, { nonFinite: 'exact' });
