/** Pointwise operations: rows of a table, one kernel shape for all. */
import { defineOp } from '../../op/op.ts';
import { storedBytes } from '../../devices/wasm/layouts.ts';
import { int, pointer } from '../../devices/wasm/kernel.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export const add = defineOp<{ a: Tensor; b: Tensor }>({
  name: 'add',
  defaults: {},
  shape: ({ a }) => ({ shape: a.shape, dtype: a.dtype }),
  kernels: {
    reference: ({ a, b }, _options, [y]) => {
      for (let k = 0; k < y!.data.length; k++) y!.data[k] = a.data[k]! + b.data[k]!;
    },
    wasm: {
      layouts: ({ inputs }) => {
        const layout = inputs['a']!.layout === 'blocked' || inputs['b']!.layout === 'blocked' ? 'blocked' : 'plain';
        return { inputs: { a: layout, b: layout }, outputs: [layout] };
      },
      lower: ({ inputs, outputs: [y] }) => [{ kernel: 'add_same', args: [pointer(inputs['a']!), pointer(inputs['b']!), pointer(y!), int(storedBytes(y!, y!.layout) / 4)] }],
    },
  },
  cases: [],
  tolerance: { f32: 1e-6 },
});
