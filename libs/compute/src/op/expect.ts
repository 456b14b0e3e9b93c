/** What shape rules check again and again. */
import { DTypeError, ShapeError } from '../errors.ts';
import { describe, sameShape, type Shape, type TensorSpec } from '../tensor/spec.ts';

type Specs = Readonly<Record<string, TensorSpec | undefined>>;

/** Throws: DTypeError, naming the first of `specs` that is there and not f32. */
export function expectFloats(op: string, specs: Specs): void {
  for (const [name, spec] of Object.entries(specs))
    if (spec !== undefined && spec.dtype !== 'f32')
      throw new DTypeError(`${op}: ${name} is f32, came ${describe(spec)}; convert it with cast.`, {
        op,
        input: name,
        dtype: spec.dtype,
      });
}

/** Throws: DTypeError, or ShapeError naming the first of `specs` that is there and has another shape. `beside`: where the shape comes from. */
export function expectFloatsOf(shape: Shape, op: string, specs: Specs, beside: Specs): void {
  expectFloats(op, specs);
  for (const [name, spec] of Object.entries(specs))
    if (spec !== undefined && !sameShape(spec.shape, shape)) {
      const others = Object.entries(beside).map(([other, from]) => `${other} ${describe(from!)}`);
      throw new ShapeError(
        `${op}: ${name} is f32 [${shape.join(', ')}]${others.length > 0 ? ` beside ${others.join(' and ')}` : ''}; came ${describe(spec)}.`,
        { op, [name]: spec.shape, expected: shape },
      );
    }
}
