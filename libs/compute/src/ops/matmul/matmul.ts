/**
 * Products of matrices; leading axes are batches and broadcast. Either matrix may be read transposed.
 *
 * Shape: f32 [..., m, k] and [..., k, n] -> [..., m, n].
 */
import { DTypeError, ShapeError } from '../../errors.ts';
import { int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { describe, sizeOf, type Shape, type TensorSpec } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { broadcastShape, broadcastStrides, forEachOffset } from '../pointwise/broadcast.ts';
import { matmulKernel } from './matmul.webgpu.ts';

export interface MatmulOptions {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

interface Sizes {
  readonly batch: Shape;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

function sizesOf(a: TensorSpec, b: TensorSpec, { transposeA, transposeB }: MatmulOptions): Sizes {
  for (const [name, spec] of Object.entries({ a, b })) {
    if (spec.dtype !== 'f32') throw new DTypeError(`matmul: ${name} is f32, came ${describe(spec)}.`, { input: name });
    if (spec.shape.length < 2)
      throw new ShapeError(`matmul: ${name} is a matrix [..., rows, columns], came ${describe(spec)}.`, {
        input: name,
        shape: spec.shape,
      });
  }
  const [m, k] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [inner, n] = transposeB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
  if (k !== inner)
    throw new ShapeError(
      `matmul: a ${describe(a)} has ${k} columns, b ${describe(b)} has ${inner} rows (after transposing).`,
      { a: a.shape, b: b.shape },
    );
  return {
    batch: broadcastShape(
      'matmul',
      { shape: a.shape.slice(0, -2), dtype: 'f32' },
      { shape: b.shape.slice(0, -2), dtype: 'f32' },
    ),
    m,
    k,
    n,
  };
}

/** Per batch of the result: which matrix of a and of b. */
function eachBatch(a: Shape, b: Shape, batch: Shape, visit: (a: number, b: number) => void): void {
  forEachOffset(batch, [broadcastStrides(a.slice(0, -2), batch), broadcastStrides(b.slice(0, -2), batch)], ([i, j]) =>
    visit(i, j),
  );
}

const wasm: WasmKernel<MatmulOptions> = {
  lower: ({ inputs, outputs: [y], options, threads, scratch }) => {
    const [a, b] = [inputs['a']!, inputs['b']!];
    const { batch, m, k, n } = sizesOf(a, b, options);
    const panels = Math.ceil(n / 8);
    const batchesOfB = sizeOf(b.shape.slice(0, -2));
    const packed = scratchPointer(scratch(batchesOfB * panels * k * 32));
    const table: number[] = [];
    eachBatch(a.shape, b.shape, batch, (i, j) => table.push(i * m * k, j));
    const [kStep, nStep] = options.transposeB ? [1, k] : [n, 1];
    const [rowStep, columnStep] = options.transposeA ? [1, m] : [k, 1];
    return [
      {
        kernel: 'matmul_pack',
        args: [pointer(b), packed, int(batchesOfB), int(k), int(n), int(kStep), int(nStep), int(k * n)],
      },
      {
        kernel: 'matmul_tiles',
        args: [
          pointer(a),
          packed,
          pointer(y),
          int(sizeOf(batch)),
          int(m),
          int(k),
          int(n),
          int(rowStep),
          int(columnStep),
          { words: table.map(int) },
          scratchPointer(scratch(threads * 128)),
        ],
      },
    ];
  },
};

export const matmul = defineOp<{ a: Tensor; b: Tensor }, MatmulOptions>({
  name: 'matmul',
  defaults: { transposeA: false, transposeB: false },
  shape: ({ a, b }, options) => {
    const { batch, m, n } = sizesOf(a, b, options);
    return { shape: [...batch, m, n], dtype: 'f32' };
  },
  kernels: {
    reference: ({ a, b }, options, [y]) => {
      const { batch, m, k, n } = sizesOf(a, b, options);
      let at = 0;
      eachBatch(a.shape, b.shape, batch, (i, j) => {
        for (let row = 0; row < m; row++)
          for (let column = 0; column < n; column++) {
            let sum = 0;
            for (let s = 0; s < k; s++) {
              const left = a.data[i * m * k + (options.transposeA ? s * m + row : row * k + s)];
              sum += left * b.data[j * k * n + (options.transposeB ? column * k + s : s * n + column)];
            }
            y.data[at++] = sum;
          }
      });
    },
    wasm,
    webgpu: matmulKernel,
  },
  cases: [
    { name: 'odd sizes', inputs: { a: { shape: [7, 5] }, b: { shape: [5, 11] } } },
    { name: 'whole tiles', inputs: { a: { shape: [36, 16] }, b: { shape: [16, 16] } } },
    { name: 'batches', inputs: { a: { shape: [2, 3, 5, 4] }, b: { shape: [2, 3, 4, 6] } } },
    { name: 'one right matrix', inputs: { a: { shape: [3, 5, 4] }, b: { shape: [4, 9] } } },
    { name: 'one left matrix', inputs: { a: { shape: [5, 4] }, b: { shape: [2, 4, 3] } } },
    {
      name: 'left transposed',
      inputs: { a: { shape: [2, 4, 6] }, b: { shape: [2, 4, 3] } },
      options: { transposeA: true },
    },
    { name: 'right transposed', inputs: { a: { shape: [6, 4] }, b: { shape: [3, 4] } }, options: { transposeB: true } },
    {
      name: 'both transposed',
      inputs: { a: { shape: [4, 6] }, b: { shape: [9, 4] } },
      options: { transposeA: true, transposeB: true },
    },
    { name: 'one number', inputs: { a: { shape: [1, 1] }, b: { shape: [1, 1] } } },
  ],
  tolerance: { f32: 5e-6 },
  multiplyAdds: ({ a, b }, options) => {
    const { batch, m, k, n } = sizesOf(a, b, options);
    return sizeOf(batch) * m * k * n;
  },
});
