import { testOp } from '../../testing/conformance.ts';
import { where } from './where.ts';

testOp(where, { nonFinite: 'exact' });
