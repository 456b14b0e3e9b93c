/** Turns a recorded graph into a WASM program: layouts settled, kernels listed, memory planned, words encoded. */
import { DeviceError } from '../../errors.ts';
import { align, planArena, type Lifetime } from '../../graph/arena.ts';
import type { Graph, GraphNode, Slot } from '../../graph/graph.ts';
import { planDeferrals, type Deferral } from './deferral.ts';
import {
  int,
  pointer,
  type KernelArgument,
  type KernelCall,
  MOMENTS_BYTES,
  type Deferred,
  type Layout,
  type Moments,
  type ScratchBuffer,
  type WasmKernel,
  type WasmKernelModule,
  type WasmView,
} from './kernel.ts';
import { canBeBlocked, storedBytes } from './layouts.ts';
import { sizeOf } from '../../tensor/spec.ts';

/** Where a word that depends on addresses gets its value from. */
export interface Patch {
  readonly word: number;
  readonly base: 'external' | 'result' | 'arena' | 'constants' | 'program';
  /** Which external or result; unused for the rest. */
  readonly index: number;
  readonly byteOffset: number;
}

export interface ResultBuffer {
  readonly bytes: number;
  readonly layout: Layout;
  readonly slot: Slot;
}

export interface WasmProgram {
  /** Kernel names, one per call, with the module they come from. */
  readonly calls: readonly {
    readonly kernel: string;
    readonly module: WasmKernelModule | undefined;
    readonly argumentWord: number;
    readonly label: string;
    /** Whether it only makes a constant, from unchanged externals. */
    readonly makesConstant: boolean;
  }[];
  readonly words: Int32Array;
  readonly patches: readonly Patch[];
  readonly results: readonly ResultBuffer[];
  readonly arenaBytes: number;
  /** What is computed of externals alone and may be kept from run to run: its size, and the externals it comes from. */
  readonly constants: { readonly bytes: number; readonly sources: readonly number[] };
  /** Externals that are written in place. */
  readonly written: readonly number[];
}

export interface CompileSettings {
  readonly threads: number;
  readonly build: 'simd' | 'relaxed';
  readonly deterministic: boolean;
  /** Most bytes of constants that may be kept. */
  readonly constantBytes: number;
}

interface View extends WasmView {
  readonly place: { readonly base: 'external' | 'result'; readonly index: number } | { readonly base: 'temporary' };
}

interface Step {
  readonly call: KernelCall;
  readonly module: WasmKernelModule | undefined;
  readonly label: string;
}

const ALIGNMENT = 64;

export function compile(graph: Graph, settings: CompileSettings): WasmProgram {
  return new Compiler(graph, settings).run();
}

class Compiler {
  readonly #graph: Graph;
  readonly #settings: CompileSettings;
  readonly #views = new Map<number, Map<Layout, View>>();
  readonly #steps: Step[] = [];
  readonly #lifetimes = new Map<object, { bytes: number; first: number; last: number }>();
  readonly #externalIndex = new Map<number, number>();
  readonly #resultIndex = new Map<number, number>();
  readonly #results: ResultBuffer[] = [];
  readonly #written = new Set<number>();
  readonly #constants = new Map<ScratchBuffer, { readonly offset: number; readonly source: number }>();
  /** Outputs that lie where a dying input lay, by whose lifetime that place is planned. */
  readonly #shares = new Map<View, View>();
  /** The last node that reads a slot. */
  readonly #lastReader = new Map<number, GraphNode>();
  /** Slots whose moments a later node asks for, and the records that were left of them. */
  readonly #momentsWanted = new Set<number>();
  readonly #moments = new Map<View, Moments>();
  readonly #deferrals: ReadonlyMap<number, Deferral>;
  /** By slot. */
  readonly #deferred = new Map<number, Deferred & { readonly label: string }>();
  #constantBytes = 0;
  #nextId = 0;

  constructor(graph: Graph, settings: CompileSettings) {
    this.#graph = graph;
    this.#settings = settings;
    this.#deferrals = planDeferrals(graph);
    for (const slot of graph.slots) {
      if (slot.role === 'external') {
        const index = this.#externalIndex.size;
        this.#externalIndex.set(slot.index, index);
        const layout = slot.layout as Layout;
        this.#views.set(slot.index, new Map([[layout, this.#view(slot, layout, { base: 'external', index })]]));
      } else if (slot.role === 'result') {
        this.#resultIndex.set(slot.index, this.#resultIndex.size);
      }
    }
    for (const node of graph.nodes) {
      for (const name of node.op.mutates ?? []) {
        const external = this.#externalIndex.get(node.inputs[name]?.index ?? -1);
        if (external !== undefined) this.#written.add(external);
      }
      for (const slot of Object.values(node.inputs)) {
        if (slot === undefined) continue;
        this.#lastReader.set(slot.index, node);
        const deferral = this.#deferrals.get(slot.index);
        if (deferral?.takers.has(node)) this.#lastReader.set(deferral.from.index, node);
      }
      const measured = node.inputs[(node.op.kernels.wasm as WasmKernel).readsMoments ?? ''];
      if (measured !== undefined) this.#momentsWanted.add(measured.index);
    }
  }

  run(): WasmProgram {
    for (const node of this.#graph.nodes) this.#lower(node);
    return this.#encode();
  }

  #lower(node: GraphNode): void {
    const kernel = node.op.kernels.wasm as WasmKernel;
    for (const slot of new Set(Object.values(node.inputs)))
      if (slot && this.#deferrals.get(slot.index)?.stores.has(node)) this.#storeDeferred(slot);
    const came: Record<string, WasmView | undefined> = {};
    for (const [name, slot] of Object.entries(node.inputs)) came[name] = slot && this.#anyView(slot);
    const wanted = kernel.layouts?.({ inputs: came, outputs: node.outputs, options: node.options });
    const inputs: Record<string, WasmView | undefined> = {};
    /** Inputs that are not stored, and what they are made of. */
    const taken = new Map<WasmView, Deferred>();
    for (const [name, slot] of Object.entries(node.inputs)) {
      if (slot === undefined) continue;
      const layout = wanted?.inputs[name] ?? 'plain';
      if (this.#deferrals.get(slot.index)?.takers.get(node) === name) {
        inputs[name] = this.#view(slot, layout, { base: 'temporary' });
        taken.set(inputs[name], this.#deferred.get(slot.index)!);
      } else inputs[name] = this.#viewIn(slot, layout);
    }
    const outputs = node.outputs.map((slot, k) => {
      const output = this.#define(slot, wanted?.outputs[k] ?? 'plain');
      this.#sharePlace(output, node, kernel.overwrites?.[k], inputs);
      return output;
    });
    const scratches: ScratchBuffer[] = [];
    const scratch = (bytes: number): ScratchBuffer => {
      const buffer: ScratchBuffer = { bytes };
      scratches.push(buffer);
      return buffer;
    };
    const borrowed: ScratchBuffer[] = [];
    const first = this.#steps.length;
    const calls = kernel.lower({
      inputs,
      outputs,
      options: node.options,
      ...this.#settings,
      scratch,
      constant: (bytes, source) => this.#constant(bytes, source as View) ?? scratch(bytes),
      momentsOf: (input) => {
        const moments = this.#moments.get(input as View);
        if (moments) borrowed.push(moments.records);
        return moments;
      },
      leaveMoments: (output, perRow) => {
        if (!this.#momentsWanted.has(node.outputs[outputs.indexOf(output as View)]!.index)) return undefined;
        const [samples, channels] = output.shape as [number, number];
        const records = scratch(samples * Math.ceil(channels / 8) * perRow * MOMENTS_BYTES);
        this.#moments.set(output as View, { records, perRow });
        return records;
      },
      defer: (image) => {
        const { index } = node.outputs[0]!;
        if (!this.#deferrals.has(index)) return [image.store(outputs[0]!)];
        this.#deferred.set(index, { ...image, label: node.op.name });
        return [];
      },
      deferred: (input) => taken.get(input),
    });
    for (const call of calls) this.#steps.push({ call, module: kernel.module, label: node.op.name });
    const last = Math.max(first, this.#steps.length - 1);
    for (const scratch of scratches) this.#lifetimes.set(scratch, { bytes: scratch.bytes, first, last });
    for (const records of borrowed) this.#lifetimes.get(records)!.last = last;
    const made = outputs.filter((_, k) => !this.#deferred.has(node.outputs[k]!.index));
    const read = Object.values(inputs).filter((view) => view !== undefined && !taken.has(view)) as View[];
    for (const view of [...read, ...made]) this.#touch(view, first, last);
    for (const { from, factors } of taken.values()) {
      this.#touch(from as View, first, last);
      this.#lifetimes.get(factors)!.last = last;
    }
    for (const name of node.op.mutates ?? []) {
      const slot = node.inputs[name];
      if (slot !== undefined) this.#writeBack(slot, inputs[name] as View);
    }
  }

  /** Room among the constants, if the source stays as it is and there is room. */
  #constant(bytes: number, { place }: View): ScratchBuffer | undefined {
    if (place.base !== 'external' || this.#written.has(place.index)) return undefined;
    const end = this.#constantBytes + align(bytes, ALIGNMENT);
    if (end > this.#settings.constantBytes) return undefined;
    const buffer: ScratchBuffer = { bytes };
    this.#constants.set(buffer, { offset: this.#constantBytes, source: place.index });
    this.#constantBytes = end;
    return buffer;
  }

  /** A new copy of an image that is not kept; later readers find it instead of older ones. */
  #storeDeferred(slot: Slot): void {
    const { from, factors, store, label } = this.#deferred.get(slot.index)!;
    const to = this.#view(slot, 'blocked', { base: 'temporary' });
    const step = this.#steps.push({ call: store(to), module: undefined, label }) - 1;
    for (const view of [from as View, to]) this.#touch(view, step, step);
    this.#lifetimes.get(factors)!.last = step;
    this.#views.set(slot.index, new Map([['blocked', to]]));
  }

  /** After a write in place: the slot's own storage takes the new numbers if a converted copy was written; other copies are stale. */
  #writeBack(slot: Slot, written: View): void {
    const own = this.#anyView(slot);
    this.#moments.delete(own);
    if (own !== written) this.#convert(written, own);
    this.#views.set(
      slot.index,
      new Map([
        [own.layout, own],
        [written.layout, written],
      ]),
    );
  }

  #view(slot: Slot, layout: Layout, place: View['place']): View {
    return { id: this.#nextId++, shape: slot.shape, dtype: slot.dtype, layout, place };
  }

  #anyView(slot: Slot): View {
    return this.#views.get(slot.index)!.values().next().value!;
  }

  #define(slot: Slot, layout: Layout): View {
    const place: View['place'] =
      slot.role === 'result' ? { base: 'result', index: this.#resultIndex.get(slot.index)! } : { base: 'temporary' };
    if (place.base === 'result') this.#results[place.index] = { bytes: storedBytes(slot, layout), layout, slot };
    const view = this.#view(slot, layout, place);
    this.#views.set(slot.index, new Map([[layout, view]]));
    return view;
  }

  /** Puts an output where the input lies that it may overwrite, if both are temporary and nobody reads the input again. */
  #sharePlace(
    output: View,
    node: GraphNode,
    name: string | undefined,
    inputs: Record<string, WasmView | undefined>,
  ): void {
    const slot = name === undefined ? undefined : node.inputs[name];
    if (slot === undefined || this.#lastReader.get(slot.index) !== node) return;
    if (Object.values(node.inputs).filter((other) => other === slot).length > 1) return;
    const input = inputs[name!] as View;
    if (input.place.base !== 'temporary' || output.place.base !== 'temporary') return;
    if (storedBytes(input, input.layout) === storedBytes(output, output.layout))
      this.#shares.set(output, this.#shares.get(input) ?? input);
  }

  #viewIn(slot: Slot, layout: Layout): View {
    const views = this.#views.get(slot.index)!;
    const there = views.get(layout);
    if (there !== undefined) return there;
    if (!canBeBlocked(slot))
      throw new DeviceError(`wasm: ${slot.dtype} [${slot.shape.join(', ')}] has no ${layout} layout.`);
    const from = this.#anyView(slot);
    const to = this.#view(slot, layout, { base: 'temporary' });
    this.#convert(from, to);
    views.set(layout, to);
    return to;
  }

  /** One tensor from one layout to the other. */
  #convert(from: View, to: View): void {
    const [samples, channels, ...space] = from.shape as [number, number, ...number[]];
    const args = [pointer(from), pointer(to), int(samples), int(channels), int(sizeOf(space))];
    this.#steps.push({
      call: { kernel: to.layout === 'blocked' ? 'to_blocked' : 'to_plain', args },
      module: undefined,
      label: 'layout',
    });
    this.#touch(from, this.#steps.length - 1, this.#steps.length - 1);
    this.#touch(to, this.#steps.length - 1, this.#steps.length - 1);
  }

  #touch(view: View, first: number, last: number): void {
    if (view.place.base !== 'temporary') return;
    const owner = this.#shares.get(view) ?? view;
    const life = this.#lifetimes.get(owner);
    if (life === undefined) this.#lifetimes.set(owner, { bytes: storedBytes(view, view.layout), first, last });
    else life.last = Math.max(life.last, last);
  }

  #encode(): WasmProgram {
    const owners = [...this.#lifetimes.keys()];
    const plan = planArena(
      owners.map((owner) => this.#lifetimes.get(owner)! satisfies Lifetime),
      ALIGNMENT,
    );
    const offsets = new Map(owners.map((owner, k) => [owner, plan.offsets[k]!]));
    const words: number[] = [];
    const patches: Patch[] = [];
    const float = new Float32Array(1);
    const bits = new Int32Array(float.buffer);
    const place = (args: readonly KernelArgument[]): number => {
      const at = words.length;
      for (const _ of args) words.push(0);
      args.forEach((arg, k) => {
        const word = at + k;
        if ('i32' in arg) words[word] = arg.i32;
        else if ('f32' in arg) {
          float[0] = arg.f32;
          words[word] = bits[0]!;
        } else if ('words' in arg) patches.push({ word, base: 'program', index: 0, byteOffset: place(arg.words) * 4 });
        else if ('scratch' in arg) {
          const constant = this.#constants.get(arg.scratch);
          patches.push({
            word,
            base: constant ? 'constants' : 'arena',
            index: 0,
            byteOffset: (constant?.offset ?? offsets.get(arg.scratch)!) + (arg.byteOffset ?? 0),
          });
        } else {
          const view = arg.pointer as View;
          const extra = arg.byteOffset ?? 0;
          if (view.place.base === 'temporary')
            patches.push({
              word,
              base: 'arena',
              index: 0,
              byteOffset: offsets.get(this.#shares.get(view) ?? view)! + extra,
            });
          else patches.push({ word, base: view.place.base, index: view.place.index, byteOffset: extra });
        }
      });
      return at;
    };
    const calls = this.#steps.map((step) => ({
      kernel: step.call.kernel,
      module: step.module,
      argumentWord: place(step.call.args),
      label: step.label,
      makesConstant: step.call.makes !== undefined && this.#constants.has(step.call.makes),
    }));
    return {
      calls,
      words: Int32Array.from(words),
      patches,
      results: this.#results,
      arenaBytes: plan.bytes,
      constants: {
        bytes: this.#constantBytes,
        sources: [...new Set([...this.#constants.values()].map(({ source }) => source))],
      },
      written: [...this.#written],
    };
  }
}
