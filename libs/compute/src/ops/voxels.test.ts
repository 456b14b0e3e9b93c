/** The operations on volumes: the conformance suite over every operation's cases. */
import { testOp } from '../testing/conformance.ts';
import { voxelOperations } from './voxels.list.ts';

for (const op of voxelOperations) testOp(op);
