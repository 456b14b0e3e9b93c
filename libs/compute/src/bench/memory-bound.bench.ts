/**
 * Operations that only move or touch each number once, on a feature map of the U-Nets, beside a plain copy of as many bytes:
 * npx vitest bench --run libs/compute/src/bench/memory-bound
 */
import { bench, describe } from 'vitest';
import { createWasmDevice } from '../devices/wasm/wasm-device.ts';
import { add, concat, flip, leakyRelu, mul, permute, slice, softmax, sum } from '../ops/index.ts';
import { storedBlocked } from '../testing/layouts.ts';
import { sizeOf } from '../tensor/spec.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';

const shape = [2, 32, 40, 56, 40];
const device = await createWasmDevice({ threads: 1 });
const data = Float32Array.from({ length: sizeOf(shape) }, (_, k) => Math.sin(k));
const copy = new Float32Array(data.length);
const plain = tensor(device, data, shape);
const blocked = storedBlocked({ x: plain });
const other = storedBlocked({ x: plain });
const channels = tensor(device, new Float32Array(32).fill(0.5), [1, 32, 1, 1, 1]);
await device.flush();

const rows: Readonly<Record<string, () => Tensor>> = {
  'add, blocked': () => add({ a: blocked, b: other }),
  'mul per channel, blocked': () => mul({ a: blocked, b: channels }),
  'leakyRelu, blocked': () => leakyRelu({ x: blocked }),
  'concat, blocked': () => concat({ a: blocked, b: other }),
  'slice, blocked': () => slice({ x: blocked }, { start: [0, 0, 2, 2, 2], size: [2, 32, 36, 52, 36] }),
  'flip, blocked': () => flip({ x: blocked }, { axes: [2, 3, 4] }),
  'flip, plain': () => flip({ x: plain }, { axes: [2, 3, 4] }),
  'channels last, plain': () => permute({ x: plain }, { order: [0, 2, 3, 4, 1] }),
  'to blocked and a copy': () => storedBlocked({ x: plain }),
  'sum of all': () => sum({ x: plain }),
  'softmax over channels': () => softmax({ x: plain }),
};

describe(`[${shape.join(', ')}], ${device.name}`, () => {
  bench('copy', () => copy.set(data));
  for (const [name, run] of Object.entries(rows))
    bench(name, async () => {
      const y = run();
      await device.flush();
      y.dispose();
    });
});
