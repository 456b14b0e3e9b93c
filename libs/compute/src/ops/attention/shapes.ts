/** How the tensors of attention fit together: batches (heads among them), and which bias and mask each batch reads. */
import { ShapeError } from '../../errors.ts';
import { expectFloats } from '../../op/expect.ts';
import { describe, sizeOf, type Shape, type TensorSpec } from '../../tensor/spec.ts';
import { broadcastStrides, forEachOffset } from '../pointwise/broadcast.ts';

export type AttentionSpecs = Readonly<Record<'q' | 'k' | 'v', TensorSpec>> &
  Readonly<Partial<Record<'bias' | 'mask', TensorSpec | undefined>>>;

export interface AttentionSizes {
  /** Leading axes of q, k, v. */
  readonly lead: Shape;
  /** Their product. */
  readonly batches: number;
  readonly queries: number;
  readonly keys: number;
  /** Length of a query and a key. */
  readonly d: number;
  /** Length of a value. */
  readonly e: number;
}

/** Throws: DTypeError, ShapeError naming all shapes. */
export function attentionSizes(op: string, inputs: AttentionSpecs): AttentionSizes {
  const { q, k, v, bias, mask } = inputs;
  expectFloats(op, { q, k, v, bias, mask });
  const rank = q.shape.length;
  const lead = q.shape.slice(0, -2);
  const sameLead = [k, v].every(
    ({ shape }) => shape.length === rank && lead.every((size, axis) => size === shape[axis]),
  );
  if (rank < 2 || !sameLead || q.shape.at(-1) !== k.shape.at(-1) || k.shape.at(-2) !== v.shape.at(-2))
    throw new ShapeError(
      `${op}: q is [..., queries, d], k [..., keys, d], v [..., keys, e] with the same leading axes; came q ${describe(q)}, k ${describe(k)}, v ${describe(v)}.`,
      { op, q: q.shape, k: k.shape, v: v.shape },
    );
  const [queries, d] = q.shape.slice(-2) as [number, number];
  const [keys, e] = v.shape.slice(-2) as [number, number];
  for (const [name, spec] of Object.entries({ bias, mask })) {
    if (spec === undefined) continue;
    const own = spec.shape.slice(0, -2);
    const fits =
      spec.shape.length >= 2 &&
      spec.shape.length <= rank &&
      spec.shape.at(-2) === queries &&
      spec.shape.at(-1) === keys &&
      own.every((size, k) => size === 1 || size === lead[lead.length - own.length + k]);
    if (!fits)
      throw new ShapeError(
        `${op}: ${name} is [..., queries, keys] = [..., ${queries}, ${keys}] whose leading axes broadcast to [${lead.join(', ')}]; came ${describe(spec)} beside q ${describe(q)}, k ${describe(k)}.`,
        { op, [name]: spec.shape, q: q.shape, k: k.shape },
      );
  }
  return { lead, batches: sizeOf(lead), queries, keys, d, e };
}

/** Per batch: which matrix of the bias and which of the mask it reads; 0 where there is none. */
export function biasAndMaskOf(
  lead: Shape,
  bias: TensorSpec | undefined,
  mask: TensorSpec | undefined,
): readonly (readonly [bias: number, mask: number])[] {
  const strides = [bias, mask].map((spec) => broadcastStrides(spec?.shape.slice(0, -2) ?? [], lead));
  const found: (readonly [number, number])[] = [];
  forEachOffset(lead, strides, ([i, j]) => found.push([i!, j!]));
  return found;
}
