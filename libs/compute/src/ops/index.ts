/** Every operation, one line each. */
export { add } from './pointwise/pointwise.ts';
