import { testOp } from '../../testing/conformance.ts';
import { expand } from './expand.ts';

testOp(expand, { nonFinite: 'exact' });
