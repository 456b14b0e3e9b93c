import { testOp } from '../../testing/conformance.ts';
import { cast } from './cast.ts';

testOp(cast, { nonFinite: 'exact' });
