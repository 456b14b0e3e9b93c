/** Lowering to one kernel call; x in either layout. */
import { int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { AddWindowOptions } from './add-window.ts';

export const addWindowWasm: WasmKernel<AddWindowOptions> = {
  layouts: ({ inputs }) => ({
    inputs: { sum: 'plain', x: inputs['x']!.layout, weights: 'plain', places: 'plain' },
    outputs: [],
  }),
  lower: ({ inputs: { sum, x, weights, places }, options: { shape } }) => {
    const patch = [1, ...x!.shape.slice(2)].slice(-3);
    const args = [
      pointer(sum!),
      pointer(x!),
      pointer(weights!),
      pointer(places!),
      ...[x!.shape[0]!, x!.shape[1]!, x!.layout === 'blocked' ? 1 : 0].map(int),
      ...[...patch, ...shape, sum!.shape[1]!, sum!.shape[2]!].map(int),
    ];
    return [{ kernel: 'add_window', args }];
  },
};
