/** The sizes of one convolution, in 2D and 3D alike: a 2D image is one slice deep. */
import { DTypeError, ShapeError } from '../../errors.ts';
import { describe, type Shape, type TensorSpec } from '../../tensor/spec.ts';

/** One number per spatial axis (z, y, x). */
export type Triple = readonly [number, number, number];

/**
 * How a convolution is computed. `auto` picks per layer; `direct` is the most exact. `F2` and `F4` are Winograd's tiles of
 * 2×2 and 4×4 outputs in the plane with direct sums in depth, `F2x4x4` and `F4x4x4` have tiles of
 * 2×4×4 and 4×4×4 (least work where they fit the volume).
 */
export type ConvAlgorithm = 'auto' | 'direct' | 'F2' | 'F4' | 'F2x4x4' | 'F4x4x4';

export interface ConvOptions {
  /** Steps between output voxels: one number for all axes, or one per spatial axis. */
  readonly stride: number | readonly number[];
  /** Zeros around the input, per side: one number for all axes, or one per spatial axis. */
  readonly padding: number | readonly number[];
  readonly algorithm: ConvAlgorithm;
}

/** A convolution from `inputs` channels of size `input` to `outputs` channels of size `output`. */
export interface ConvGeometry {
  readonly samples: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly input: Triple;
  readonly output: Triple;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly padding: Triple;
}

/** `value` for each of `rank - 2` spatial axes. Throws: ShapeError. */
export function perAxis(
  op: string,
  name: string,
  value: number | readonly number[],
  axes: number,
  least: number,
): number[] {
  const list = typeof value === 'number' ? new Array<number>(axes).fill(value) : [...value];
  if (list.length !== axes || list.some((n) => !Number.isInteger(n) || n < least))
    throw new ShapeError(
      `${op}: ${name} is one whole number of at least ${least}, or ${axes} of them (one per spatial axis); came [${list.join(', ')}].`,
      { op, [name]: value },
    );
  return list;
}

/** [y, x] -> [fill, y, x]; three stay three. */
export function asTriple(list: readonly number[], fill: number): Triple {
  return (list.length === 2 ? [fill, ...list] : list) as unknown as Triple;
}

/** The spatial part of a shape as three sizes. */
export function spaceOf(shape: Shape): Triple {
  return asTriple(shape.slice(2), 1);
}

/** Throws: ShapeError unless rank 4 or 5 (or the rank given), DTypeError unless f32. */
export function requireImage(op: string, name: string, spec: TensorSpec, rank?: number): void {
  const length = spec.shape.length;
  if (rank === undefined ? length !== 4 && length !== 5 : length !== rank)
    throw new ShapeError(
      `${op}: ${name} is [N, C, y, x] or [N, C, z, y, x]${rank === undefined ? '' : ` of rank ${rank} like its partner`}; came ${describe(spec)}.`,
      { op, [name]: spec.shape },
    );
  if (spec.dtype !== 'f32')
    throw new DTypeError(`${op}: ${name} must be f32; came ${describe(spec)}.`, { op, [name]: spec.dtype });
}

/**
 * The geometry of a convolution with weights [outputs, inputs, (kz,) ky, kx].
 *
 * Throws: ShapeError naming both shapes.
 */
export function convGeometry(
  op: string,
  x: Shape,
  weight: Shape,
  options: Pick<ConvOptions, 'stride' | 'padding'>,
): ConvGeometry {
  const axes = x.length - 2;
  if (weight.length !== x.length || weight[1] !== x[1])
    throw new ShapeError(
      `${op}: weight is [outputs, inputs, kernel…] with as many inputs and axes as x has channels and axes; x is [${x.join(', ')}], weight is [${weight.join(', ')}].`,
      { op, x, weight },
    );
  const stride = perAxis(op, 'stride', options.stride, axes, 1);
  const padding = perAxis(op, 'padding', options.padding, axes, 0);
  const kernel = weight.slice(2);
  const output = kernel.map((k, axis) => Math.floor((x[axis + 2]! + 2 * padding[axis]! - k) / stride[axis]!) + 1);
  if (output.some((n) => n < 1) || [...x, ...weight].some((n) => n < 1))
    throw new ShapeError(
      `${op}: a kernel of [${kernel.join(', ')}] with padding [${padding.join(', ')}] does not fit into x [${x.join(', ')}].`,
      { op, x, weight, padding },
    );
  return {
    samples: x[0]!,
    inputs: x[1]!,
    outputs: weight[0]!,
    input: spaceOf(x),
    output: asTriple(output, 1),
    kernel: asTriple(kernel, 1),
    stride: asTriple(stride, 1),
    padding: asTriple(padding, 0),
  };
}

/** A spatial triple back to the rank of the tensor it came from. */
export function ofRank(space: Triple, rank: number): readonly number[] {
  return rank === 4 ? space.slice(1) : space;
}

export const product = (list: readonly number[]): number => list.reduce((all, n) => all * n, 1);

/** Multiply-adds of the direct algorithm. */
export function multiplyAdds(g: ConvGeometry): number {
  return g.samples * g.inputs * g.outputs * product(g.output) * product(g.kernel);
}
