import { testOp } from '../../testing/conformance.ts';
import { addWindow } from './add-window.ts';
import { takeSlab } from './take-slab.ts';

for (const op of [addWindow, takeSlab]) testOp(op);
