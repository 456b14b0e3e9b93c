/** Picks among a kernel's variants by the clock, and remembers what it picked. Off unless a table is given. */
import type { Graph, GraphNode } from '../graph/graph.ts';
import type { DeviceKind } from './device.ts';

/**
 * What was fastest, as plain JSON to save and load: machine, operation, shapes and options → the variant's name. A device
 * given a table adds to it. Rows of other kernels, builds or thread counts stay and do nothing; so do names it does not know.
 */
export type AutotuneTable = Record<string, string>;

/** One way to run a kernel: the same results, with other options. */
export interface Variant {
  readonly name: string;
  readonly options: unknown;
}

/** Where variants are timed. */
export interface TuningMachine {
  readonly kind: Extract<DeviceKind, 'wasm' | 'webgpu'>;
  /** Kernels, build and threads, or adapter: timings of one are nothing to another. */
  readonly name: string;
  /** Milliseconds. */
  now(): number;
  /** One node alone, on buffers of its own. */
  trial(node: GraphNode, options: unknown): Trial | Promise<Trial>;
}

export interface Trial {
  run(): Promise<void>;
  dispose(): void;
}

/** Milliseconds of one program's tuning, but for the run that is under way when they are over. */
const BUDGET_MS = 1000;
const RUNS = 3;
/** A variant whose first run takes so many times the best is not run again. */
const HOPELESS = 2;

interface Tunable {
  variants?(call: Pick<GraphNode, 'inputs' | 'outputs' | 'options'>): readonly Variant[];
}

function variantsOf(node: GraphNode, kind: TuningMachine['kind']): readonly Variant[] {
  return (node.op.kernels[kind] as Tunable | undefined)?.variants?.(node) ?? [];
}

function keyOf(machine: string, node: GraphNode): string {
  const shapes = Object.entries(node.inputs).map(([name, slot]) => `${name}=${slot ? slot.shape.join('x') : '-'}`);
  return `${machine}/${node.op.name} ${shapes.join(' ')} ${JSON.stringify(node.options)}`;
}

/** Times what the table does not know yet. Where time runs out before two variants were timed, the row stays open. */
export async function tune(graph: Graph, table: AutotuneTable, machine: TuningMachine): Promise<void> {
  const until = machine.now() + BUDGET_MS;
  for (const node of graph.nodes) {
    const variants = variantsOf(node, machine.kind);
    const key = keyOf(machine.name, node);
    if (variants.length < 2 || variants.some(({ name }) => name === table[key])) continue;
    if (machine.now() >= until) return;
    const best = await fastest(node, variants, machine, until);
    if (best !== undefined) table[key] = best;
  }
}

async function fastest(
  node: GraphNode,
  variants: readonly Variant[],
  machine: TuningMachine,
  until: number,
): Promise<string | undefined> {
  let best: string | undefined;
  let least = Infinity;
  let timed = 0;
  for (const { name, options } of variants) {
    if (machine.now() >= until) break;
    const trial = await machine.trial(node, options);
    try {
      for (let k = 0; k < RUNS; k++) {
        const begun = machine.now();
        await trial.run();
        const took = machine.now() - begun;
        const hopeless = took > HOPELESS * least;
        if (took < least) [best, least] = [name, took];
        if (hopeless || machine.now() >= until) break;
      }
    } finally {
      trial.dispose();
    }
    timed++;
  }
  return timed >= 2 ? best : undefined;
}

/** The graph with the options that the table names. */
export function tuned(graph: Graph, table: AutotuneTable, machine: Pick<TuningMachine, 'kind' | 'name'>): Graph {
  const nodes = graph.nodes.map((node) => {
    const name = table[keyOf(machine.name, node)];
    const variant = name === undefined ? undefined : variantsOf(node, machine.kind).find((one) => one.name === name);
    return variant === undefined ? node : { ...node, options: variant.options };
  });
  return { ...graph, nodes };
}

/** FNV-1a: tells one build of the kernels from the next. */
export function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let k = 0; k < text.length; k++) hash = Math.imul(hash ^ text.charCodeAt(k), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
