/** Plain pickles, such as nnU-Net's properties of a preprocessed case: parsed, never executed. */
import type { PickleValue } from './pickle-values.ts';
import { torchHooks } from './torch-calls.ts';
import { unpickle } from './unpickle.ts';

/** NumPy's scalars become numbers, its arrays `NumpyArray`s; objects of other classes stay opaque. Throws: FormatError. */
export function decodePickle(bytes: Uint8Array, { file }: { readonly file?: string } = {}): PickleValue {
  return unpickle(bytes, 0, { file, hooks: torchHooks(new Map(), file) }).value;
}
