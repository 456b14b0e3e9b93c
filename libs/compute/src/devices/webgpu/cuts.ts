/** Ways to compute an operation in parts, for kernels' `cuts`. */
import type { Shape, TensorSpec } from '../../tensor/spec.ts';
import type { Box, GpuCall, GpuCut, Join } from './kernel.ts';

export const wholeBox = ({ shape }: TensorSpec): Box => ({ begin: shape.map(() => 0), shape });

/** The tensor from `begin` to before `end` along one axis; either may lie outside. */
export function boxAlong({ shape }: TensorSpec, axis: number, begin: number, end: number): Box {
  return {
    begin: shape.map((_, k) => (k === axis ? begin : 0)),
    shape: shape.map((n, k) => (k === axis ? end - begin : n)),
  };
}

/** Which axis of each tensor is cut; a tensor without one is whole in every part. */
export interface CutAxes {
  readonly inputs?: Readonly<Record<string, number | undefined>>;
  readonly outputs?: readonly (number | undefined)[];
}

/** Cuts along axes that run together; inputs with one element there stretch and stay whole. */
export function cutAlong(
  { inputs, outputs, options }: GpuCall<unknown>,
  axes: CutAxes,
  joins?: readonly Join[],
): GpuCut {
  const lengths = [
    ...Object.entries(inputs).map(([name, input]) => lengthAt(input, axes.inputs?.[name])),
    ...outputs.map((output, k) => lengthAt(output, axes.outputs?.[k])),
  ];
  const length = Math.max(1, ...lengths);
  const box = (spec: TensorSpec, axis: number | undefined, begin: number, end: number): Box =>
    axis === undefined || lengthAt(spec, axis) === 1 ? wholeBox(spec) : boxAlong(spec, axis, begin, end);
  return {
    length,
    ...(joins ? { joins } : {}),
    part: (begin, end) => ({
      inputs: Object.fromEntries(
        Object.entries(inputs).map(([name, input]) => [name, input && box(input, axes.inputs?.[name], begin, end)]),
      ),
      outputs: outputs.map((output, k) => box(output, axes.outputs?.[k], begin, end)),
      options,
    }),
  };
}

/** Along each axis of the first output (or of `shape`): inputs of lower rank or with axes of one stretch, as NumPy broadcasts. */
export function cutPointwise(call: GpuCall<unknown>, shape: Shape = call.outputs[0]!.shape): GpuCut[] {
  return shape.map((_, axis) => {
    const aligned = ({ shape: own }: TensorSpec): number | undefined =>
      axis < shape.length - own.length ? undefined : axis - shape.length + own.length;
    return cutAlong(call, {
      inputs: Object.fromEntries(Object.entries(call.inputs).map(([name, input]) => [name, input && aligned(input)])),
      outputs: call.outputs.map(aligned),
    });
  });
}

/** Along the same axes of all the tensors named, one cut per axis; the others stay whole. */
export function cutTogether(
  call: GpuCall<unknown>,
  axes: readonly number[],
  inputs: readonly string[],
  joins?: readonly Join[],
): GpuCut[] {
  return axes.map((axis) =>
    cutAlong(
      call,
      {
        inputs: Object.fromEntries(inputs.map((name) => [name, axis])),
        outputs: call.outputs.map((_, k) => (['place', undefined].includes(joins?.[k]) ? axis : undefined)),
      },
      joins,
    ),
  );
}

/** The axes of `shape` but one. */
export function otherAxes(shape: Shape, axis: number): number[] {
  return [...shape.keys()].filter((k) => k !== axis);
}

/** The axes of [N, C, ...space] behind the channels. */
export function spaceAxes({ shape }: TensorSpec): number[] {
  return [...shape.keys()].slice(2);
}

function lengthAt(spec: TensorSpec | undefined, axis: number | undefined): number {
  return spec === undefined || axis === undefined ? 1 : spec.shape[axis]!;
}
