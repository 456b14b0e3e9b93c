/** The layers of a 3D U-Net by algorithm, one thread: npx vitest bench --run libs/compute/src/ops/conv */
import { bench, describe } from 'vitest';
import { createWasmDevice } from '../../devices/wasm/wasm-device.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { algorithmFits } from './choose.ts';
import { convInputGradient, convWeightGradient } from './conv-gradients.ts';
import { conv } from './conv.ts';
import { convGeometry } from './geometry.ts';

const device = await createWasmDevice({ threads: 1 });
const drawn = (shape: readonly number[]): Tensor =>
  tensor(
    device,
    Float32Array.from({ length: sizeOf(shape) }, (_, k) => Math.sin(k * 1.7)),
    shape,
  );

/** Inputs, outputs, stride, size. */
const layers: readonly (readonly [number, number, number, readonly number[]])[] = [
  [1, 32, 1, [40, 56, 40]],
  [32, 32, 1, [40, 56, 40]],
  [32, 64, 2, [40, 56, 40]],
  [128, 64, 1, [20, 28, 20]],
  [256, 256, 1, [5, 7, 5]],
];

for (const [inputs, outputs, stride, size] of layers)
  describe(`${inputs} -> ${outputs}, stride ${stride}, ${size.join(' x ')}`, () => {
    const weight = drawn([outputs, inputs, 3, 3, 3]);
    const options = { stride, padding: 1 };
    // As in a network: the input is the output of another convolution, in the layout the device prefers.
    const first = drawn([1, inputs, ...size]);
    const x = inputs < 8 ? first : conv({ x: first, weight: drawn([inputs, inputs, 1, 1, 1]) });
    const dy = conv({ x, weight }, options);
    const geometry = convGeometry('conv', x.shape, weight.shape, options);
    const run = (make: () => Tensor) => async (): Promise<void> => {
      const made = make();
      await device.flush();
      made.dispose();
    };
    for (const algorithm of ['direct', 'F2', 'F4', 'F2x4x4', 'F4x4x4'] as const) {
      if (!algorithmFits(geometry, algorithm) || (inputs < 8 && algorithm !== 'direct')) continue;
      const settings = { ...options, algorithm };
      bench(
        `forward ${algorithm}`,
        run(() => conv({ x, weight }, settings)),
        { time: 200 },
      );
      bench(
        `input gradient ${algorithm}`,
        run(() => convInputGradient({ dy, weight }, { ...settings, inputSize: size })),
        { time: 200 },
      );
      bench(
        `weight gradient ${algorithm}`,
        run(() => convWeightGradient({ x, dy }, { ...settings, kernel: [3, 3, 3] })),
        { time: 200 },
      );
    }
  });
