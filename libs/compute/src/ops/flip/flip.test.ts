import { testOp } from '../../testing/conformance.ts';
import { flip } from './flip.ts';

testOp(flip, { nonFinite: 'exact' });
