/** What Dice plus cross-entropy can be told, and the checks of its inputs. */
import { DTypeError, ShapeError } from '../../errors.ts';
import { describe, sameShape, type TensorSpec } from '../../tensor/spec.ts';

export interface DiceCrossEntropyOptions {
  /** Sum overlap and masses over the batch before the Dice ratio; else one ratio per sample. */
  readonly batchDice: boolean;
  /** Whether class 0 takes part in Dice. Cross-entropy always has it. */
  readonly includeBackground: boolean;
  /** Added to numerator and denominator of Dice. */
  readonly smooth: number;
  /** Voxels with this label count in neither term. */
  readonly ignoreLabel: number | null;
  readonly diceWeight: number;
  readonly crossEntropyWeight: number;
}

export const DEFAULTS: DiceCrossEntropyOptions = {
  batchDice: false,
  includeBackground: false,
  smooth: 1e-5,
  ignoreLabel: null,
  diceWeight: 1,
  crossEntropyWeight: 1,
};

/** Throws ShapeError or DTypeError unless logits are f32 [N, K, ...] and target i32 [N, 1, ...] on the same voxels. */
export function expectLogitsAndTarget(op: string, logits: TensorSpec, target: TensorSpec): void {
  if (logits.dtype !== 'f32')
    throw new DTypeError(`${op}: logits are f32, came ${describe(logits)}.`, { op, input: 'logits' });
  if (target.dtype !== 'i32')
    throw new DTypeError(`${op}: target holds i32 labels, came ${describe(target)}; convert it with cast.`, {
      op,
      input: 'target',
    });
  const wanted = logits.shape.map((n, axis) => (axis === 1 ? 1 : n));
  if (logits.shape.length < 2 || !sameShape(wanted, target.shape))
    throw new ShapeError(
      `${op}: logits [N, K, ...] and target [N, 1, ...] on the same voxels, came ${describe(logits)} and ${describe(target)}.`,
      { logits: logits.shape, target: target.shape },
    );
}

/** Throws unless `weight` is absent or f32 [K]. */
export function expectClassWeights(op: string, logits: TensorSpec, weight: TensorSpec | undefined): void {
  if (weight !== undefined && (weight.dtype !== 'f32' || !sameShape(weight.shape, [logits.shape[1]])))
    throw new ShapeError(`${op}: weight is f32 [${logits.shape[1]}], one per class, came ${describe(weight)}.`, {
      op,
      weight: weight.shape,
    });
}
