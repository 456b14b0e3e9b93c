import { testOp } from '../../testing/conformance.ts';
import { pad } from './pad.ts';

testOp(pad, { nonFinite: 'exact' });
