/** Bytes to volumes, weights and data sets, and back. */
export {};
