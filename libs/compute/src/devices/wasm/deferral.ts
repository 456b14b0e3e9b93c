/**
 * Decides which images of a recorded graph are not kept: those that one pass over an input makes again (`WasmKernel.defers`), where
 * that input is kept anyway. In a training step the normalized image of every layer is read in the forward pass and again in the
 * backward pass, which also needs the convolution's own output: the device keeps the latter alone, and stores the former
 * shortly before it is read, as often as it takes.
 */
import type { Graph, GraphNode, Slot } from '../../graph/graph.ts';
import type { WasmKernel } from './kernel.ts';

/** Readers of an image share one copy where no more operations than these lie between them. */
const MOST_BETWEEN = 8;

/** Per deferred slot, the operations before which the image is stored; its other readers find the copy before. */
export type Deferrals = ReadonlyMap<number, ReadonlySet<GraphNode>>;

export function planDeferrals(graph: Graph): Deferrals {
  const readers = new Map<number, number[]>();
  const written = new Set<number>();
  graph.nodes.forEach((node, at) => {
    for (const slot of new Set(Object.values(node.inputs)))
      if (slot) readers.set(slot.index, [...(readers.get(slot.index) ?? []), at]);
    for (const name of node.op.mutates ?? []) written.add(node.inputs[name]?.index ?? -1);
  });
  const lastReader = (slot: Slot): number =>
    slot.role === 'result' ? Infinity : (readers.get(slot.index)?.at(-1) ?? -1);
  const deferrals = new Map<number, ReadonlySet<GraphNode>>();
  for (const node of graph.nodes) {
    const from = node.inputs[(node.op.kernels.wasm as WasmKernel).defers ?? ''];
    const image = node.outputs[0];
    if (from === undefined || image?.role !== 'temporary') continue;
    if (written.has(from.index) || written.has(image.index) || lastReader(from) < lastReader(image)) continue;
    const places = readers.get(image.index) ?? [];
    const stored = places.filter((at, k) => k === 0 || at - places[k - 1]! > MOST_BETWEEN);
    deferrals.set(image.index, new Set(stored.map((at) => graph.nodes[at]!)));
  }
  return deferrals;
}
