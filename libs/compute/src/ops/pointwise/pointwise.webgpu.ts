/** Pointwise rows on the WebGPU device: one shader, with the row's formula in its prelude. */
import { cutPointwise } from '../../devices/webgpu/cuts.ts';
import { f32, linearGroups, u32, type Dispatch, type GpuView, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import { ShapeError } from '../../errors.ts';
import shader from '../../generated/wgsl/pointwise.ts';
import { sameShape, sizeOf } from '../../tensor/spec.ts';
import { MOST_AXES } from '../copy/copy.webgpu.ts';
import { broadcastStrides, collapseAxes } from './broadcast.ts';
import type { PointwiseRow } from './rows.ts';

/** One pass over y; operands left out are not looked at by the formula. */
export function gpuPointwise(
  wgsl: string,
  y: GpuView,
  operands: readonly GpuView[],
  [p, q]: readonly [number, number] = [0, 0],
): Dispatch {
  const [a, b = a, c = a] = operands as readonly [GpuView, GpuView?, GpuView?];
  const flat = [a, b, c].every((operand) => sameShape(operand.shape, y.shape));
  const axes = flat
    ? []
    : collapseAxes(
        y.shape,
        [a, b, c].map((operand) => broadcastStrides(operand.shape, y.shape)),
      );
  if (axes.length > MOST_AXES)
    throw new ShapeError(
      `webgpu: broadcasting to [${y.shape.join(', ')}] walks ${axes.length} axes, at most ${MOST_AXES} are possible.`,
      { shape: y.shape },
    );
  const table = axes.flatMap(({ size, strides }) => [size, ...strides].map(u32));
  return {
    shader,
    types: { A: a.storage, B: b.storage, C: c.storage, Y: y.storage },
    constants: { FLAT: flat },
    functions: [`fn formula(a: f32, b: f32, c: f32, p: f32, q: f32) -> f32 { return ${wgsl}; }`],
    bindings: [a, b, c, y],
    uniforms: [
      u32(sizeOf(y.shape)),
      u32(axes.length),
      f32(p),
      f32(q),
      ...table,
      ...new Array(MOST_AXES * 4 - table.length).fill(u32(0)),
    ],
    workgroups: linearGroups(sizeOf(y.shape), 64),
  };
}

/** A row of one input (x) or two (a, b). */
export function gpuRow<R>(row: PointwiseRow<R>): WebGpuKernel<R> {
  return {
    halves: 'all',
    cuts: (call) => cutPointwise(call),
    lower: ({ inputs, outputs: [y], options }) => [
      gpuPointwise(row.wgsl, y!, Object.values(inputs) as GpuView[], row.parameters?.(options)),
    ],
  };
}

export const whereKernel: WebGpuKernel = {
  halves: 'all',
  cuts: (call) => cutPointwise(call),
  lower: ({ inputs, outputs: [y] }) => [
    gpuPointwise('select(c, b, a != 0.0)', y!, [inputs['condition']!, inputs['a']!, inputs['b']!]),
  ],
};
