/** A derivative: how the gradient of an operation's outputs becomes the gradient of its inputs, written with other operations. */
import type { AnyOp, Inputs, Op } from '../op/op.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface GradientContext<I extends Inputs, R> {
  readonly inputs: I;
  readonly options: R;
  readonly outputs: readonly Tensor[];
  /** Gradient of the first output; an operation of several outputs looks at `dys` instead, where it may be missing. */
  readonly dy: Tensor;
  /** Gradients of all outputs; undefined where nothing flows back. */
  readonly dys: readonly (Tensor | undefined)[];
  /** Whether somebody needs this input's gradient; skip the work where not. */
  wants(name: keyof I & string): boolean;
}

/** Returns the gradient per input; inputs left out get none (integers, masks). */
export type GradientFunction<I extends Inputs, R> = (context: GradientContext<I, R>) => {
  readonly [K in keyof I]?: Tensor | undefined;
};

export interface GradientRule {
  readonly op: AnyOp;
  /* eslint-disable-next-line @typescript-eslint/no-explicit-any -- the table holds rules of every signature */
  readonly gradient: GradientFunction<any, any>;
}

export function defineGradient<I extends Inputs, R, O>(
  op: Op<I, R, O>,
  gradient: GradientFunction<I, R>,
): GradientRule {
  return { op: op as unknown as AnyOp, gradient };
}
