/** Bytes to volumes, weights and data sets, and back. */
export { DatasetError, FormatError } from './errors.ts';
export type { FormatErrorPlace } from './errors.ts';
