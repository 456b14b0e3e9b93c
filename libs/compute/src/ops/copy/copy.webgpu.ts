/** Operations that move elements, on the WebGPU device: each is a strided copy. */
import {
  f32,
  i32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuCut,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import { boxAlong, cutAlong, cutPointwise, cutTogether, otherAxes } from '../../devices/webgpu/cuts.ts';
import { ShapeError } from '../../errors.ts';
import copyShader from '../../generated/wgsl/copy.ts';
import fillShader from '../../generated/wgsl/fill.ts';
import { sizeOf, stridesOf, type Shape } from '../../tensor/spec.ts';
import { broadcastStrides, collapseAxes } from '../pointwise/broadcast.ts';

/** Axes a shader walks, after neighbors were joined. */
export const MOST_AXES = 8;

/** A tensor seen with other strides, in elements; negative ones are allowed. */
export interface StridedView {
  readonly view: GpuView;
  readonly strides: readonly number[];
  readonly start?: number;
}

/** One pass over `shape` elements. */
export function gpuCopy(shape: Shape, from: StridedView, to: StridedView): Dispatch {
  const axes = collapseAxes(shape, [from.strides, to.strides]);
  if (axes.length > MOST_AXES)
    throw new ShapeError(
      `webgpu: a copy of [${shape.join(', ')}] walks ${axes.length} axes, at most ${MOST_AXES} are possible; reshape it first.`,
      { shape },
    );
  const table = axes.flatMap(({ size, strides }) => [i32(size), i32(strides[0]!), i32(strides[1]!), i32(0)]);
  return {
    shader: copyShader,
    types: { FROM: from.view.storage, TO: to.view.storage },
    bindings: [from.view, to.view],
    uniforms: [
      u32(sizeOf(shape)),
      u32(axes.length),
      i32(from.start ?? 0),
      i32(to.start ?? 0),
      ...table,
      ...new Array(MOST_AXES * 4 - table.length).fill(u32(0)),
    ],
    workgroups: linearGroups(sizeOf(shape), 64),
  };
}

const offset = (strides: readonly number[], index: readonly number[]): number =>
  index.reduce((sum, n, axis) => sum + n * strides[axis]!, 0);
const whole = (view: GpuView): StridedView => ({ view, strides: stridesOf(view.shape) });

export const sliceKernel: WebGpuKernel<{ readonly start: readonly number[] }> = {
  halves: 'all',
  cuts: ({ outputs: [y], options }) =>
    y!.shape.map((length, axis) => ({
      length,
      part: (begin, end) => {
        const box = boxAlong(y!, axis, begin, end);
        const from = { ...box, begin: box.begin.map((n, k) => n + options.start[k]!) };
        return { inputs: { x: from }, outputs: [box], options: { ...options, start: options.start.map(() => 0) } };
      },
    })),
  lower: ({ inputs, outputs: [y], options: { start } }) => {
    const strides = stridesOf(inputs['x']!.shape);
    return [gpuCopy(y!.shape, { view: inputs['x']!, strides, start: offset(strides, start) }, whole(y!))];
  },
};

export const padKernel: WebGpuKernel<{ readonly before: readonly number[]; readonly value: number }> = {
  halves: 'all',
  cuts: ({ inputs: { x }, outputs: [y], options }) =>
    y!.shape.map((length, axis) => ({
      length,
      part: (begin, end) => {
        const ahead = options.before[axis]!;
        const inside = (n: number): number => Math.min(x!.shape[axis]!, Math.max(0, n - ahead));
        return {
          inputs: { x: boxAlong(x!, axis, inside(begin), inside(end)) },
          outputs: [boxAlong(y!, axis, begin, end)],
          options: { ...options, before: options.before.map((n, k) => (k === axis ? Math.max(0, n - begin) : n)) },
        };
      },
    })),
  lower: ({ inputs, outputs: [y], options: { before, value } }) => {
    const strides = stridesOf(y!.shape);
    return [
      {
        shader: fillShader,
        types: { TO: y!.storage },
        bindings: [y!],
        uniforms: [u32(sizeOf(y!.shape)), f32(value)],
        workgroups: linearGroups(sizeOf(y!.shape), 64),
      },
      gpuCopy(inputs['x']!.shape, whole(inputs['x']!), { view: y!, strides, start: offset(strides, before) }),
    ];
  },
};

export const flipKernel: WebGpuKernel<{ readonly axes: readonly number[] }> = {
  halves: 'all',
  cuts: ({ inputs: { x }, outputs: [y], options }) =>
    y!.shape.map((length, axis) => ({
      length,
      part: (begin, end) => ({
        inputs: {
          x: options.axes.includes(axis)
            ? boxAlong(x!, axis, length - end, length - begin)
            : boxAlong(x!, axis, begin, end),
        },
        outputs: [boxAlong(y!, axis, begin, end)],
        options,
      }),
    })),
  lower: ({ inputs, outputs: [y], options: { axes } }) => {
    const strides = stridesOf(y!.shape);
    const start = axes.reduce((sum, axis) => sum + (y!.shape[axis]! - 1) * strides[axis]!, 0);
    return [
      gpuCopy(
        y!.shape,
        { view: inputs['x']!, strides: strides.map((stride, axis) => (axes.includes(axis) ? -stride : stride)), start },
        whole(y!),
      ),
    ];
  },
};

export const permuteKernel: WebGpuKernel<{ readonly order: readonly number[] }> = {
  halves: 'all',
  cuts: (call) => call.options.order.map((from, axis) => cutAlong(call, { inputs: { x: from }, outputs: [axis] })),
  lower: ({ inputs, outputs: [y], options: { order } }) => {
    const strides = stridesOf(inputs['x']!.shape);
    return [gpuCopy(y!.shape, { view: inputs['x']!, strides: order.map((axis) => strides[axis]!) }, whole(y!))];
  },
};

export const expandKernel: WebGpuKernel = {
  halves: 'all',
  cuts: (call) => cutPointwise(call),
  lower: ({ inputs, outputs: [y] }) => [
    gpuCopy(y!.shape, { view: inputs['x']!, strides: broadcastStrides(inputs['x']!.shape, y!.shape) }, whole(y!)),
  ],
};

export const reshapeKernel: WebGpuKernel = {
  halves: 'all',
  cuts: ({ outputs: [y], options }) => {
    const of = [sizeOf(y!.shape)];
    return [
      {
        length: of[0]!,
        part: (begin, end) => {
          const line = { begin: [begin], shape: [end - begin], of };
          return { inputs: { x: line }, outputs: [line], options };
        },
      },
    ];
  },
  lower: ({ inputs, outputs: [y] }) => {
    const line = { strides: [1] };
    return [gpuCopy([sizeOf(y!.shape)], { view: inputs['x']!, ...line }, { view: y!, ...line })];
  },
};

export const concatKernel: WebGpuKernel<{ readonly axis: number }> = {
  halves: 'all',
  cuts: (call) => {
    const { inputs, outputs, options } = call;
    const y = outputs[0]!;
    const along: GpuCut = {
      length: y.shape[options.axis]!,
      part: (begin, end) => {
        let at = 0;
        const boxes = Object.entries(inputs).map(([name, input]) => {
          const first = at;
          const inside = (n: number): number => Math.min(input!.shape[options.axis]!, Math.max(0, n - first));
          at += input!.shape[options.axis]!;
          return [name, boxAlong(input!, options.axis, inside(begin), inside(end))] as const;
        });
        return { inputs: Object.fromEntries(boxes), outputs: [boxAlong(y, options.axis, begin, end)], options };
      },
    };
    return [...cutTogether(call, otherAxes(y.shape, options.axis), Object.keys(inputs)), along];
  },
  lower: ({ inputs, outputs: [y], options: { axis } }) => {
    const strides = stridesOf(y!.shape);
    let at = 0;
    return (Object.values(inputs) as GpuView[]).map((part) => {
      const copied = gpuCopy(part.shape, whole(part), { view: y!, strides, start: at * strides[axis]! });
      at += part.shape[axis]!;
      return copied;
    });
  },
};
