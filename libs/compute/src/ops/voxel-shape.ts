/** Checks shared by the operations on volumes [C, z, y, x]. */
import { DTypeError, ShapeError } from '../errors.ts';
import { describe, type DType, type TensorSpec } from '../tensor/spec.ts';

/** Sizes of the three spatial axes, slowest first. */
export type Space = readonly [number, number, number];

/** Throws ShapeError unless `spec` is [C, z, y, x], DTypeError unless its dtype is among `dtypes`. Returns the spatial sizes. */
export function expectVolume(op: string, name: string, spec: TensorSpec, ...dtypes: readonly DType[]): Space {
  if (spec.shape.length !== 4 || spec.shape.some((n) => n < 1))
    throw new ShapeError(`${op}: ${name} is a volume [C, z, y, x] of at least one voxel, came ${describe(spec)}.`, {
      op,
      input: name,
      shape: spec.shape,
    });
  if (!dtypes.includes(spec.dtype))
    throw new DTypeError(`${op}: ${name} is ${dtypes.join(' or ')}, came ${describe(spec)}.`, {
      op,
      input: name,
      dtype: spec.dtype,
    });
  return [spec.shape[1]!, spec.shape[2]!, spec.shape[3]!];
}

/** Throws ShapeError unless `shape` is three positive whole numbers. */
export function expectSpace(op: string, name: string, shape: readonly number[]): Space {
  if (shape.length !== 3 || !shape.every((n) => Number.isInteger(n) && n > 0))
    throw new ShapeError(`${op}: ${name} is three positive whole numbers [z, y, x], came [${shape.join(', ')}].`, {
      op,
      [name]: shape,
    });
  return shape as Space;
}

/** Throws ShapeError unless `mask` is u8 [1, z, y, x] on the space of `x`. */
export function expectMask(op: string, mask: TensorSpec, space: Space): void {
  const own = expectVolume(op, 'mask', mask, 'u8');
  if (mask.shape[0] !== 1 || own.some((n, axis) => n !== space[axis]))
    throw new ShapeError(`${op}: mask is [1, ${space.join(', ')}], came ${describe(mask)}.`, { op, shape: mask.shape });
}
