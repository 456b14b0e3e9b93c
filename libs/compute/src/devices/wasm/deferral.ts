/**
 * Decides which images of a recorded graph are not stored where they are computed: those that one pass over an input makes
 * (`WasmKernel.defers`: a normalization of a convolution's output).
 *
 * An operation that can takes the input instead and does that pass on what it loads (`takesDeferred`). For the others the image is
 * stored shortly before it is read, as often as it takes. In a training step, whose way back reads the normalized image of every
 * layer as well as the convolution's output, the device so keeps the latter alone.
 */
import type { Graph, GraphNode, Slot } from '../../graph/graph.ts';
import type { WasmKernel } from './kernel.ts';

/** Readers of an image share one copy where no more operations than these lie between them. */
const MOST_BETWEEN = 8;

export interface Deferral {
  /** What the image is made of. */
  readonly from: Slot;
  /** Operations that take it before it is stored, by the name of their input. */
  readonly takers: ReadonlyMap<GraphNode, string>;
  /** Operations before which it is stored; its other readers find the copy before. */
  readonly stores: ReadonlySet<GraphNode>;
}

/** The deferred images by their slot. An image is deferred where its input is kept anyway, or where all who read it take it unstored. */
export function planDeferrals(graph: Graph): ReadonlyMap<number, Deferral> {
  const readers = new Map<number, number[]>();
  const written = new Set<number>();
  graph.nodes.forEach((node, at) => {
    for (const slot of new Set(Object.values(node.inputs)))
      if (slot) readers.set(slot.index, [...(readers.get(slot.index) ?? []), at]);
    for (const name of node.op.mutates ?? []) written.add(node.inputs[name]?.index ?? -1);
  });
  const lastReader = (slot: Slot): number =>
    slot.role === 'result' ? Infinity : (readers.get(slot.index)?.at(-1) ?? -1);
  const deferrals = new Map<number, Deferral>();
  for (const node of graph.nodes) {
    const from = node.inputs[(node.op.kernels.wasm as WasmKernel).defers ?? ''];
    const image = node.outputs[0];
    if (from === undefined || image?.role !== 'temporary' || written.has(from.index) || written.has(image.index))
      continue;
    const deferral = readIn(graph, from, image, readers.get(image.index) ?? []);
    if (lastReader(from) >= lastReader(image) || deferral.stores.size === 0) deferrals.set(image.index, deferral);
  }
  return deferrals;
}

/** How each reader of an image gets it: from a copy that is there, unstored, or from a copy made for it. */
function readIn(graph: Graph, from: Slot, image: Slot, places: readonly number[]): Deferral {
  const takers = new Map<GraphNode, string>();
  const stores = new Set<GraphNode>();
  let copied = -Infinity;
  for (const at of places) {
    const node = graph.nodes[at]!;
    const near = at - copied <= MOST_BETWEEN;
    const taken = near ? undefined : takenBy(node, image);
    if (taken !== undefined) {
      takers.set(node, taken);
      continue;
    }
    if (!near) stores.add(node);
    copied = at;
  }
  return { from, takers, stores };
}

/** The input by which an operation takes an image unstored, if it reads it by that one alone. */
function takenBy(node: GraphNode, image: Slot): string | undefined {
  const name = (node.op.kernels.wasm as WasmKernel).takesDeferred?.(node);
  const reads = Object.entries(node.inputs).filter(([, slot]) => slot === image);
  return reads.length === 1 && reads[0]![0] === name ? name : undefined;
}
