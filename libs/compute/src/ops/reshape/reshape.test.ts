import { testOp } from '../../testing/conformance.ts';
import { reshape } from './reshape.ts';

testOp(reshape, { nonFinite: 'exact' });
