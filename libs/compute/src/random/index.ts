/** Random numbers: our counter-based generator, and NumPy's legacy one where a reference must be met draw for draw. */
export type { Rng } from './rng.ts';
export { NumpyRandomState } from './numpy-random-state.ts';
export { Philox, type PhiloxState } from './philox.ts';
