import { testOp } from '../../testing/conformance.ts';
import { permute } from './permute.ts';

testOp(permute, { nonFinite: 'exact' });
