/** Tensors, operations, their kernels and derivatives; nothing about medicine. */
export * from './random/index.ts';
