/**
 * Average and max pooling over the spatial axes.
 *
 * Shape: f32 [N, C, ...space] -> floor((n + 2 · padding - kernel) / stride) + 1 per axis. Padding counts as zeros in the
 * average (PyTorch's count_include_pad) and as nothing in the maximum; it is at most half the kernel.
 */
import { DTypeError, ShapeError } from '../../errors.ts';
import { int, pointer, type KernelCall, type WasmView } from '../../devices/wasm/kernel.ts';
import { defineOp, type HostTensor } from '../../op/op.ts';
import { expectFloatsOf } from '../../op/expect.ts';
import { describe, sizeOf, type Shape, type TensorSpec } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { storedArray } from '../copy/strided-copy.ts';
import { poolWeights, transposed, type AxisWeights } from '../resample-axis/axis-weights.ts';
import { resampleKernel, resampleReference } from '../resample-axis/resample-axes.ts';
import { gpuResample } from '../resample-axis/resample-axes.webgpu.ts';
import { maxPoolGradientKernel, maxPoolKernel } from './pool.webgpu.ts';

export interface PoolOptions {
  /** One per spatial axis, as the two others. */
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
}

const DEFAULTS: PoolOptions = { kernel: [], stride: [], padding: [] };

function pooled(op: string, x: TensorSpec, { kernel, stride, padding }: PoolOptions): TensorSpec {
  if (x.dtype !== 'f32') throw new DTypeError(`${op}: x is f32, came ${describe(x)}.`, { op, dtype: x.dtype });
  const rank = x.shape.length - 2;
  const whole = (list: readonly number[], least: number): boolean =>
    list.length === rank && list.every((n) => Number.isInteger(n) && n >= least);
  if (
    rank < 1 ||
    rank > 3 ||
    !whole(kernel, 1) ||
    !whole(stride, 1) ||
    !whole(padding, 0) ||
    padding.some((n, k) => 2 * n > kernel[k])
  )
    throw new ShapeError(
      `${op}: kernel, stride and padding (at most half the kernel) hold a whole number per spatial axis of x ${describe(x)}, came [${kernel.join(', ')}], [${stride.join(', ')}], [${padding.join(', ')}].`,
      { op, kernel, stride, padding, shape: x.shape },
    );
  const size = kernel.map((n, k) => Math.floor((x.shape[k + 2] + 2 * padding[k] - n) / stride[k]) + 1);
  if (size.some((n) => n < 1))
    throw new ShapeError(`${op}: a window of [${kernel.join(', ')}] does not fit into x ${describe(x)}.`, {
      op,
      kernel,
      shape: x.shape,
    });
  return { shape: [x.shape[0], x.shape[1], ...size], dtype: 'f32' };
}

const matrices = (space: Shape, { kernel, stride, padding }: PoolOptions): AxisWeights[] =>
  space.map((n, k) => poolWeights(n, kernel[k], stride[k], padding[k]));

const cases = [
  {
    name: 'halved',
    inputs: { x: { shape: [2, 3, 4, 6, 4] } },
    options: { kernel: [2, 2, 2], stride: [2, 2, 2], padding: [0, 0, 0] },
  },
  {
    name: 'overlapping, padded',
    inputs: { x: { shape: [1, 9, 5, 7] } },
    options: { kernel: [3, 3], stride: [2, 1], padding: [1, 1] },
  },
  {
    name: 'flat',
    inputs: { x: { shape: [1, 8, 3, 5, 5] } },
    options: { kernel: [1, 2, 3], stride: [1, 2, 3], padding: [0, 0, 0] },
  },
  { name: 'one voxel', inputs: { x: { shape: [1, 1, 1] } }, options: { kernel: [1], stride: [1], padding: [0] } },
];

export const avgPool = defineOp<{ x: Tensor }, PoolOptions>({
  name: 'avgPool',
  defaults: DEFAULTS,
  shape: ({ x }, options) => pooled('avgPool', x, options),
  kernels: {
    reference: ({ x }, options, [y]) => resampleReference(x, matrices(x.shape.slice(2), options), y),
    wasm: resampleKernel((x, _y, options) => matrices(x.slice(2), options)),
    webgpu: gpuResample((x, _y, options) => matrices(x.slice(2), options)),
  },
  cases,
  tolerance: { f32: 2e-6 },
});

/** `size`: the spatial size of x. */
export const avgPoolGradient = defineOp<{ dy: Tensor }, PoolOptions & { readonly size: Shape }>({
  name: 'avgPoolGradient',
  defaults: { ...DEFAULTS, size: [] },
  shape: ({ dy }, { size, ...options }) => {
    const x = { shape: [dy.shape[0], dy.shape[1], ...size], dtype: 'f32' as const };
    expectFloatsOf(pooled('avgPoolGradient', x, options).shape, 'avgPoolGradient', { dy }, { x });
    return x;
  },
  kernels: {
    reference: ({ dy }, options, [dx]) => resampleReference(dy, matrices(options.size, options).map(transposed), dx),
    wasm: resampleKernel<PoolOptions & { readonly size: Shape }>(
      (_dy, _dx, options) => matrices(options.size, options).map(transposed),
      'dy',
    ),
    webgpu: gpuResample<PoolOptions & { readonly size: Shape }>(
      (_dy, _dx, options) => matrices(options.size, options).map(transposed),
      'dy',
    ),
  },
  cases: [
    {
      name: 'odd remainder',
      inputs: { dy: { shape: [1, 3, 2, 3] } },
      options: { kernel: [2, 2], stride: [2, 2], padding: [0, 0], size: [5, 6] },
    },
  ],
  tolerance: { f32: 2e-6 },
});

/** Calls `visit` for each element of each window, windows in order. */
function eachWindowElement(
  x: Shape,
  y: Shape,
  { kernel, stride, padding }: PoolOptions,
  visit: (output: number, input: number) => void,
): void {
  const fill = (list: readonly number[], value: number): number[] => [
    ...new Array<number>(3 - list.length).fill(value),
    ...list,
  ];
  const [iz, iy, ix] = fill(x.slice(2), 1);
  const [oz, oy, ox] = fill(y.slice(2), 1);
  const [kz, ky, kx] = fill(kernel, 1);
  const [sz, sy, sx] = fill(stride, 1);
  const [pz, py, px] = fill(padding, 0);
  for (let row = 0; row < x[0] * x[1]; row++)
    for (let o = 0; o < oz * oy * ox; o++) {
      const [z, v, u] = [Math.floor(o / (oy * ox)) * sz - pz, (Math.floor(o / ox) % oy) * sy - py, (o % ox) * sx - px];
      for (let a = Math.max(0, z); a < Math.min(iz, z + kz); a++)
        for (let b = Math.max(0, v); b < Math.min(iy, v + ky); b++)
          for (let c = Math.max(0, u); c < Math.min(ix, u + kx); c++)
            visit(row * oz * oy * ox + o, ((row * iz + a) * iy + b) * ix + c);
    }
}

const wins = (value: number, best: number): boolean => value > best || (Number.isNaN(value) && !Number.isNaN(best));

/** Sizes as the kernels take them: three axes, slowest first. */
function sizes(x: WasmView, y: WasmView, { kernel, stride, padding }: PoolOptions): KernelCall['args'] {
  const three = (list: readonly number[], value: number): KernelCall['args'] =>
    [...new Array<number>(3 - list.length).fill(value), ...list].map(int);
  return [
    ...three(x.shape.slice(2), 1),
    ...three(y.shape.slice(2), 1),
    ...three(kernel, 1),
    ...three(stride, 1),
    ...three(padding, 0),
  ];
}

export const maxPool = defineOp<{ x: Tensor }, PoolOptions>({
  name: 'maxPool',
  defaults: DEFAULTS,
  shape: ({ x }, options) => pooled('maxPool', x, options),
  kernels: {
    reference: ({ x }, options, [y]) => {
      y.data.fill(-Infinity);
      eachWindowElement(x.shape, y.shape, options, (o, i) => {
        if (wins(x.data[i], y.data[o])) y.data[o] = x.data[i];
      });
    },
    wasm: {
      layouts: ({ inputs }) => ({ inputs: { x: inputs['x']!.layout }, outputs: [inputs['x']!.layout] }),
      lower: ({ inputs, outputs: [y], options }) => {
        const x = inputs['x']!;
        const stored = storedArray(x);
        return [
          {
            kernel: 'max_pool',
            args: [
              pointer(x),
              pointer(y),
              int(stored.shape[0] * stored.shape[1]),
              int(stored.elementBytes / 4),
              ...sizes(x, y, options),
            ],
          },
        ];
      },
    },
    webgpu: maxPoolKernel,
  },
  cases,
  tolerance: { f32: 0 },
});

function winners(x: HostTensor, y: Shape, options: PoolOptions): Int32Array {
  const best = new Int32Array(sizeOf(y)).fill(-1);
  eachWindowElement(x.shape, y, options, (o, i) => {
    if (best[o] < 0 || wins(x.data[i], x.data[best[o]])) best[o] = i;
  });
  return best;
}

export const maxPoolGradient = defineOp<{ x: Tensor; dy: Tensor }, PoolOptions>({
  name: 'maxPoolGradient',
  defaults: DEFAULTS,
  shape: ({ x, dy }, options) => {
    expectFloatsOf(pooled('maxPoolGradient', x, options).shape, 'maxPoolGradient', { dy }, { x });
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: {
    reference: ({ x, dy }, options, [dx]) =>
      winners(x, dy.shape, options).forEach((i, o) => (dx.data[i] += dy.data[o])),
    wasm: {
      lower: ({ inputs, outputs: [dx], options }) => {
        const [x, dy] = [inputs['x']!, inputs['dy']!];
        return [
          {
            kernel: 'max_pool_gradient',
            args: [pointer(x), pointer(dy), pointer(dx), int(x.shape[0] * x.shape[1]), ...sizes(x, dy, options)],
          },
        ];
      },
    },
    webgpu: maxPoolGradientKernel,
  },
  cases: [
    {
      name: 'overlapping',
      inputs: { x: { shape: [2, 3, 5, 5] }, dy: { shape: [2, 3, 3, 3] } },
      options: { kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
      gradient: false,
    },
  ],
  tolerance: { f32: 2e-6 },
});
