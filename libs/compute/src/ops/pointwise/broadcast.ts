/** Broadcasting as in NumPy: shapes align at the right, an axis of one stretches. */
import { ShapeError } from '../../errors.ts';
import { describe, stridesOf, type Shape, type TensorSpec } from '../../tensor/spec.ts';

/** The shape of both together. Throws: ShapeError naming both. */
export function broadcastShape(op: string, a: TensorSpec, b: TensorSpec): Shape {
  const rank = Math.max(a.shape.length, b.shape.length);
  const shape = new Array<number>(rank);
  for (let axis = 0; axis < rank; axis++) {
    const m = a.shape[axis - rank + a.shape.length] ?? 1;
    const n = b.shape[axis - rank + b.shape.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1)
      throw new ShapeError(
        `${op}: ${describe(a)} and ${describe(b)} do not broadcast: axis ${axis} of the result would be ${m} and ${n}.`,
        { op, a: a.shape, b: b.shape },
      );
    shape[axis] = m === 1 ? n : m;
  }
  return shape;
}

/** Strides of `own` seen as `shape`: 0 where an axis stretches. */
export function broadcastStrides(own: Shape, shape: Shape): number[] {
  const strides = stridesOf(own);
  return shape.map((_, axis) => {
    const k = axis - shape.length + own.length;
    return k < 0 || own[k] === 1 ? 0 : strides[k];
  });
}

export interface CollapsedAxis {
  readonly size: number;
  /** One per operand. */
  readonly strides: readonly number[];
}

/** Joins neighboring axes that all operands walk as one; drops axes of one. At least one axis remains. */
export function collapseAxes(shape: Shape, operands: readonly (readonly number[])[]): CollapsedAxis[] {
  const axes: { size: number; strides: number[] }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const strides = operands.map((operand) => operand[axis]);
    const before = axes.at(-1);
    if (before !== undefined && before.strides.every((stride, k) => stride === strides[k] * size)) {
      before.size *= size;
      before.strides = strides;
    } else axes.push({ size, strides });
  });
  return axes.length > 0 ? axes : [{ size: 1, strides: operands.map(() => 1) }];
}

/** Calls `visit` with the offset of every operand, in row-major order of `shape`. */
export function forEachOffset(
  shape: Shape,
  operands: readonly (readonly number[])[],
  visit: (offsets: readonly number[]) => void,
): void {
  const offsets = operands.map(() => 0);
  const index = shape.map(() => 0);
  const total = shape.reduce((product, n) => product * n, 1);
  for (let k = 0; k < total; k++) {
    visit(offsets);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++;
      operands.forEach((strides, o) => (offsets[o] += strides[axis]));
      if (index[axis] < shape[axis]) break;
      operands.forEach((strides, o) => (offsets[o] -= strides[axis] * shape[axis]));
      index[axis] = 0;
    }
  }
}
