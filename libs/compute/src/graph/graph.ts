/**
 * A recorded piece of work: operations in order, over slots. Slots are what survives of storages once the graph is
 * cached: "the third buffer that came from outside", "the second result that lives on", "a temporary".
 */
import type { AnyOp } from '../op/op.ts';
import type { TensorSpec } from '../tensor/spec.ts';

export interface Slot extends TensorSpec {
  /** Index into the graph's slots. */
  readonly index: number;
  /** external: had a buffer before; result: made here and read later; temporary: made and used up here. */
  readonly role: 'external' | 'result' | 'temporary';
  /** How the backend laid out an external's buffer; '' where the backend has one layout. */
  readonly layout: string;
}

export interface GraphNode {
  readonly op: AnyOp;
  readonly inputs: Readonly<Record<string, Slot | undefined>>;
  readonly outputs: readonly Slot[];
  readonly options: unknown;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly slots: readonly Slot[];
}

/** A graph of one node, from buffers for its inputs, laid out as told, to results of its own. */
export function aloneWith(node: GraphNode, options: unknown, layoutOf: (input: Slot) => string): Graph {
  const slots: Slot[] = [];
  const alone = (slot: Slot, role: Slot['role']): Slot => {
    slots.push({ ...slot, index: slots.length, role, layout: role === 'external' ? layoutOf(slot) : '' });
    return slots.at(-1)!;
  };
  const inputs = Object.fromEntries(
    Object.entries(node.inputs).map(([name, slot]) => [name, slot && alone(slot, 'external')]),
  );
  const outputs = node.outputs.map((slot) => alone(slot, 'result'));
  return { nodes: [{ ...node, inputs, outputs, options }], slots };
}
