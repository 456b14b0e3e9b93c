/** Checks of axis numbers and per-axis lists, shared by the operations that move elements. */
import { ShapeError } from '../../errors.ts';
import { describe, type TensorSpec } from '../../tensor/spec.ts';

/** Throws ShapeError unless `axes` are distinct whole numbers in [0, rank). */
export function expectAxes(op: string, x: TensorSpec, axes: readonly number[]): void {
  const rank = x.shape.length;
  if (new Set(axes).size !== axes.length || axes.some((axis) => !Number.isInteger(axis) || axis < 0 || axis >= rank))
    throw new ShapeError(
      `${op}: axes are distinct numbers from 0 to ${rank - 1}, came [${axes.join(', ')}] for x ${describe(x)}.`,
      { op, axes, shape: x.shape },
    );
}

/** Throws ShapeError unless `list` has one whole number of at least `least` per axis of x. */
export function expectPerAxis(op: string, name: string, x: TensorSpec, list: readonly number[], least: number): void {
  if (list.length !== x.shape.length || list.some((n) => !Number.isInteger(n) || n < least))
    throw new ShapeError(
      `${op}: ${name} holds one whole number (at least ${least}) per axis of x ${describe(x)}, came [${list.join(', ')}].`,
      { op, [name]: list, shape: x.shape },
    );
}
