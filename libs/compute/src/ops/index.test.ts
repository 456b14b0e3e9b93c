/** Every operation that is exported can be tested: it has kernels and cases, and its name is its export's. */
import { describe, expect, it } from 'vitest';
import type { AnyOp } from '../op/op.ts';
import { createShapeDevice } from '../devices/shape/shape-device.ts';
import { draw } from '../testing/draw.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';
import * as ops from './index.ts';

const operations = Object.entries(ops as unknown as Record<string, unknown>).filter(
  (entry): entry is [string, AnyOp & ((inputs: object, options?: object) => unknown)] =>
    typeof entry[1] === 'function' && 'kernels' in entry[1],
);

describe.each(operations)('%s', (name, op) => {
  it('has cases, kernels and its own name', () => {
    expect(op.cases.length).toBeGreaterThan(0);
    expect(op.kernels.wasm).toBeDefined();
    expect(op.kernels.webgpu).toBeDefined();
    // `xWithSums`, `xWithMoments` return besides what x does.
    expect(name.startsWith(op.name)).toBe(true);
  });

  it('runs on the shape device', () => {
    const device = createShapeDevice();
    for (const { inputs, options } of op.cases) {
      const tensors = Object.fromEntries(
        Object.entries(inputs as Record<string, Parameters<typeof draw>[0] | undefined>).map(([key, input]) => {
          const drawn = input && draw(input, 1);
          return [key, drawn && tensor(device, drawn.data, drawn.shape, drawn.dtype)];
        }),
      );
      const result = op(tensors, options as object) as Tensor | readonly Tensor[];
      for (const made of Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor])
        expect(made.shape.every((n) => Number.isInteger(n) && n >= 0)).toBe(true);
    }
  });
});
