/** Memory for time: a piece of a network whose inner results are given up and computed again on the way back. */
import { UsageError } from '../errors.ts';
import { recordOnTape, tapeIsOpen, taped } from '../op/tape.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Runs `body(...inputs)` and keeps only what it returns; where derivatives are wanted (inside `valueAndGradients`), walking
 * back runs `body` again. Values and gradients have the same bits as without. Tensors that `body` takes from around it
 * (weights) get their gradients too.
 *
 * `body` must do the same each time: no chance, and no operation that writes in place.
 * Throws: UsageError where an operation of `body` writes in place.
 * Source: Chen et al., "Training deep nets with sublinear memory cost", 2016.
 */
export function checkpoint<I extends readonly Tensor[], T extends Tensor | readonly Tensor[]>(
  body: (...inputs: I) => T,
  inputs: I,
): T {
  const run = (): T => body(...inputs);
  if (!tapeIsOpen()) return scope(run);
  const { result, tape } = taped(() => scope(run));
  const made = new Set<Tensor>();
  const read = new Set<Tensor>();
  for (const entry of tape) {
    if ('op' in entry && (entry.op.mutates?.length ?? 0) > 0)
      throw new UsageError(
        `checkpoint: ${entry.op.name} writes in place and would do so twice; keep it out of the piece that is computed again.`,
        { op: entry.op.name },
      );
    for (const input of Object.values(entry.inputs)) if (input !== undefined && !made.has(input)) read.add(input);
    for (const output of entry.outputs) made.add(output);
  }
  recordOnTape({
    inputs: Object.fromEntries(Array.from(read, (tensor, k) => [String(k), tensor])),
    outputs: listOf(result),
    rerun: () => listOf(run()),
  });
  return result;
}

function listOf(result: Tensor | readonly Tensor[]): readonly Tensor[] {
  return Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];
}
