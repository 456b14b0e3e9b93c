import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createReferenceDevice } from '../../devices/reference/reference-device.ts';
import { difference } from '../../testing/compare.ts';
import { testOp } from '../../testing/conformance.ts';
import { tensor } from '../../tensor/tensor.ts';
import type { ResizeMode } from '../resample-axis/axis-weights.ts';
import { resize, resizeGradient } from './resize.ts';

testOp(resize);
testOp(resizeGradient);

interface Golden {
  readonly shape: number[];
  readonly size: number[];
  readonly mode: ResizeMode;
  readonly alignCorners?: boolean;
  readonly x: number[];
  readonly y: number[];
}

const goldens = JSON.parse(
  readFileSync(new URL('../../../fixtures/resize/resize.json', import.meta.url), 'utf8'),
) as Golden[];

it.each(
  goldens.map(
    (golden) =>
      [
        `${golden.mode}${golden.alignCorners ? ', corners aligned' : ''} [${golden.shape.join(', ')}] to [${golden.size.join(', ')}]`,
        golden,
      ] as const,
  ),
)('equals PyTorch: %s', async (_, golden) => {
  const y = await resize(
    { x: tensor(createReferenceDevice(), golden.x, golden.shape) },
    { size: golden.size, mode: golden.mode, alignCorners: golden.alignCorners ?? false },
  ).read();
  expect(difference(y, golden.y, 2e-6)).toBeUndefined();
});
