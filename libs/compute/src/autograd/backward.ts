/** Reverse-mode differentiation: run, write down, walk back. */
import { UsageError } from '../errors.ts';
import type { AnyOp } from '../op/op.ts';
import { taped, untaped, type SegmentEntry, type Tape, type TapeEntry } from '../op/tape.ts';
import { add } from '../ops/pointwise/pointwise.ts';
import { collecting, passOn } from '../tensor/scope.ts';
import { describe, sizeOf } from '../tensor/spec.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';
import type { GradientRule } from './gradient.ts';
import { rules } from './rules.ts';

const table = new Map<AnyOp, GradientRule>(rules.map((rule) => [rule.op, rule]));

/** Adds the derivative of an operation that a user's package defines; returns a function that takes it away again. */
export function registerGradient(rule: GradientRule): () => void {
  const previous = table.get(rule.op);
  table.set(rule.op, rule);
  return () => {
    if (previous) table.set(rule.op, previous);
    else table.delete(rule.op);
  };
}

/**
 * Runs `body`, which returns a scalar loss (or a list whose first tensor is one), and returns its result with the
 * gradient of the loss with respect to each of `parameters` (undefined where the loss does not depend on it).
 * Everything in between is freed.
 *
 * Throws: UsageError if the loss is not a scalar, or an operation on the way has no derivative.
 */
export function valueAndGradients<T extends Tensor | readonly Tensor[]>(
  body: () => T,
  parameters: readonly Tensor[],
): { readonly value: T; readonly gradients: readonly (Tensor | undefined)[] } {
  const made = new Set<Tensor>();
  try {
    const outcome = collecting(made, () => {
      const { result, tape } = taped(body);
      const loss = (Array.isArray(result) ? result[0] : result) as Tensor;
      if (sizeOf(loss.shape) !== 1)
        throw new UsageError(
          `valueAndGradients: the loss is one number, came ${describe(loss)}; reduce it with mean or sum.`,
        );
      return { value: result, gradients: untaped(() => walkBack(tape, loss, parameters)) };
    });
    const results = [...(Array.isArray(outcome.value) ? outcome.value : [outcome.value]), ...outcome.gradients] as (
      Tensor | undefined
    )[];
    for (const result of results) {
      if (result !== undefined && made.delete(result)) passOn(result);
    }
    return outcome;
  } finally {
    for (const tensor of made) tensor.dispose();
  }
}

function walkBack(tape: Tape, loss: Tensor, parameters: readonly Tensor[]): (Tensor | undefined)[] {
  const gradients = new Map<Tensor, Tensor>([[loss, tensor(loss.device, [1], loss.shape)]]);
  follow(tape, new Set<Tensor>(parameters), gradients);
  return parameters.map((parameter) => gradients.get(parameter));
}

/** Adds to `gradients` what the tape passes back; `reached` holds what depends on a parameter, and grows. */
function follow(tape: Tape, reached: Set<Tensor>, gradients: Map<Tensor, Tensor>): void {
  const relevant: Tape = [];
  for (const entry of tape) {
    if (!Object.values(entry.inputs).some((input) => input !== undefined && reached.has(input))) continue;
    relevant.push(entry);
    for (const output of entry.outputs) reached.add(output);
  }
  for (const entry of relevant.reverse()) {
    if (!entry.outputs.some((output) => gradients.has(output))) continue;
    if ('rerun' in entry) followAgain(entry, reached, gradients);
    else followOne(entry, reached, gradients);
  }
}

function followOne(entry: TapeEntry, reached: ReadonlySet<Tensor>, gradients: Map<Tensor, Tensor>): void {
  const dys = entry.outputs.map((output) => gradients.get(output));
  const rule = table.get(entry.op);
  if (rule === undefined)
    throw new UsageError(
      `valueAndGradients: operation ${entry.op.name} has no derivative; give it one with registerGradient(defineGradient(…)).`,
      { op: entry.op.name },
    );
  const wants = (name: string): boolean => entry.inputs[name] !== undefined && reached.has(entry.inputs[name]);
  const found = rule.gradient({
    inputs: entry.inputs,
    options: entry.options,
    outputs: entry.outputs,
    dy: dys[0]!,
    dys,
    wants,
  });
  for (const [name, gradient] of Object.entries(found)) {
    const input = entry.inputs[name];
    if (gradient === undefined || input === undefined || !wants(name)) continue;
    const before = gradients.get(input);
    gradients.set(input, before === undefined ? gradient : add({ a: before, b: gradient }));
  }
}

/**
 * Runs a piece again and walks back through it. It adds into the same `gradients`, so sums come in the order of the plain
 * walk and have its bits. What the piece made is freed at once, but for the gradients of tensors from outside.
 */
function followAgain(entry: SegmentEntry, reached: Set<Tensor>, gradients: Map<Tensor, Tensor>): void {
  const made = new Set<Tensor>();
  const kept = new Set<Tensor>();
  try {
    collecting(made, () => {
      const { result, tape } = taped(() => entry.rerun());
      entry.outputs.forEach((output, k) => {
        const dy = gradients.get(output);
        if (dy !== undefined) gradients.set(result[k]!, dy);
      });
      follow(tape, reached, gradients);
    });
    for (const tensor of made) {
      gradients.delete(tensor);
      reached.delete(tensor);
    }
    for (const gradient of gradients.values()) kept.add(gradient);
  } finally {
    for (const tensor of made) {
      if (kept.has(tensor)) passOn(tensor);
      else tensor.dispose();
    }
  }
}
