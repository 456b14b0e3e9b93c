/** Resamples tensors axis after axis with sparse weights: the reference and the lowering that resize and pooling share. */
import {
  float,
  int,
  pointer,
  scratchPointer,
  type KernelArgument,
  type KernelCall,
  type WasmKernel,
  type WasmView,
} from '../../devices/wasm/kernel.ts';
import { storedBytes } from '../../devices/wasm/layouts.ts';
import type { HostTensor } from '../../op/op.ts';
import { sizeOf, type HostArray } from '../../tensor/spec.ts';
import { storedArray } from '../copy/strided-copy.ts';
import { isIdentity, type AxisWeights } from './axis-weights.ts';

/** One matrix per spatial axis (the tensor's axis 2 onwards), in the order of application: the cheapest first. */
export function inOrder(matrices: readonly AxisWeights[]): { axis: number; matrix: AxisWeights }[] {
  return matrices
    .map((matrix, k) => ({ axis: k + 2, matrix }))
    .filter(({ matrix }) => !isIdentity(matrix))
    .sort((a, b) => a.matrix.to / a.matrix.from - b.matrix.to / b.matrix.from || b.axis - a.axis);
}

/** Plain loops over a [outer, n, inner] view of each axis. */
export function resampleReference(x: HostTensor, matrices: readonly AxisWeights[], y: HostTensor): void {
  let data: HostArray = x.data;
  const shape = [...x.shape];
  for (const { axis, matrix } of inOrder(matrices)) {
    const outer = sizeOf(shape.slice(0, axis));
    const inner = sizeOf(shape.slice(axis + 1));
    const next = new Float64Array(outer * matrix.to * inner);
    for (let o = 0; o < outer; o++)
      for (let j = 0; j < matrix.to; j++)
        for (let k = matrix.rows[j]; k < matrix.rows[j + 1]; k++)
          for (let i = 0; i < inner; i++)
            next[(o * matrix.to + j) * inner + i] +=
              matrix.weights[k] * data[(o * matrix.from + matrix.columns[k]) * inner + i];
    data = next as unknown as HostArray;
    shape[axis] = matrix.to;
  }
  y.data.set(data);
}

/** Either layout: a block of 8 channels is just 8 more neighbors. */
export function resampleKernel<R>(
  matricesOf: (x: readonly number[], y: readonly number[], options: R) => readonly AxisWeights[],
  input = 'x',
): WasmKernel<R> {
  return {
    layouts: ({ inputs }) => ({ inputs: { [input]: inputs[input]!.layout }, outputs: [inputs[input]!.layout] }),
    lower: ({ inputs, outputs: [y], options, scratch }) => {
      const x = inputs[input]!;
      const steps = inOrder(matricesOf(x.shape, y.shape, options));
      if (steps.length === 0)
        return [{ kernel: 'copy_bytes', args: [pointer(x), pointer(y), int(storedBytes(y, y.layout))] }];
      const calls: KernelCall[] = [];
      let from: KernelArgument = pointer(x);
      let shape = x.shape;
      steps.forEach(({ axis, matrix }, k) => {
        const next = shape.map((n, j) => (j === axis ? matrix.to : n));
        const to =
          k === steps.length - 1
            ? pointer(y)
            : scratchPointer(scratch(storedBytes({ shape: next, dtype: 'f32' }, x.layout)));
        calls.push(axisCall(from, to, { ...x, shape }, axis, matrix));
        from = to;
        shape = next;
      });
      return calls;
    },
  };
}

function axisCall(
  from: KernelArgument,
  to: KernelArgument,
  x: WasmView,
  axis: number,
  matrix: AxisWeights,
): KernelCall {
  const stored = storedArray(x);
  const inner = sizeOf(stored.shape.slice(axis + 1)) * (stored.elementBytes / 4);
  return {
    kernel: 'resample_axis',
    args: [
      from,
      to,
      int(sizeOf(stored.shape.slice(0, axis))),
      int(matrix.from),
      int(matrix.to),
      int(inner),
      { words: [...matrix.rows].map(int) },
      { words: [...matrix.columns].map(int) },
      { words: [...matrix.weights].map(float) },
    ],
  };
}
