/** Turns a recorded graph into a WebGPU program: dispatches listed, temporaries planned, uniforms packed. */
import { DTypeError, OutOfMemoryError } from '../../errors.ts';
import type { Lifetime } from '../../graph/arena.ts';
import type { Graph, GraphNode, Slot } from '../../graph/graph.ts';
import convertShader from '../../generated/wgsl/convert.ts';
import { describe, sizeOf, type TensorSpec } from '../../tensor/spec.ts';
import {
  gpuBytes,
  gpuType,
  linearGroups,
  type Dispatch,
  type GpuScratch,
  type GpuTable,
  type GpuType,
  type GpuView,
  type GpuWord,
  type WebGpuKernel,
} from './kernel.ts';
import { planSharedObjects } from './shared-objects.ts';

/** Where a binding's buffer comes from: given, made as a result, a shared object for temporaries, or the program's tables. */
export interface Place {
  readonly base: 'external' | 'result' | 'object' | 'tables';
  readonly index: number;
  readonly bytes: number;
  /** In bytes; into the tables only. */
  readonly offset?: number;
}

export interface ProgramStep {
  readonly label: string;
  readonly dispatch: Dispatch;
  readonly places: readonly (Place | undefined)[];
  /** Byte range in the program's uniforms; 0 bytes: none. */
  readonly uniformOffset: number;
  readonly uniformBytes: number;
}

export interface CompiledGraph {
  readonly steps: readonly ProgramStep[];
  /** Each result, in slot order. */
  readonly results: readonly ResultBuffer[];
  /** Bytes of each object for temporaries, greatest first. */
  readonly objects: readonly number[];
  readonly uniforms: Uint32Array<ArrayBuffer>;
  readonly tables: Uint32Array<ArrayBuffer>;
}

export interface ResultBuffer {
  readonly bytes: number;
  readonly half: boolean;
}

export interface GpuAbilities {
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  /** Whether activations are stored as f16. */
  readonly half: boolean;
  readonly tensorCores: boolean;
}

/** The layout name of a buffer that stores an f32 tensor as f16. */
export const HALF_LAYOUT = 'half';

interface View extends GpuView {
  readonly slot: Slot;
}

interface Step {
  readonly label: string;
  readonly dispatch: Dispatch;
}

/** Throws: OutOfMemoryError where a tensor passes what one binding may hold; DTypeError for f16 without the feature. */
export function compile(graph: Graph, abilities: GpuAbilities): CompiledGraph {
  return new Compiler(graph, abilities).run();
}

class Compiler {
  readonly #graph: Graph;
  readonly #abilities: GpuAbilities;
  /** What each slot is stored as; a second storage of the same numbers is made once and kept. */
  readonly #views = new Map<number, Map<GpuType, View>>();
  readonly #steps: Step[] = [];
  readonly #lifetimes = new Map<object, { bytes: number; first: number; last: number }>();
  #nextId = 0;

  constructor(graph: Graph, abilities: GpuAbilities) {
    this.#graph = graph;
    this.#abilities = abilities;
    for (const slot of graph.slots) {
      assertFits(slot, abilities);
      if (slot.role === 'external') this.#define(slot, slot.layout === HALF_LAYOUT ? 'f16' : gpuType(slot.dtype));
    }
  }

  run(): CompiledGraph {
    for (const node of this.#graph.nodes) this.#lower(node);
    return this.#encode();
  }

  #lower(node: GraphNode): void {
    const kernel = node.op.kernels.webgpu as WebGpuKernel;
    const inputs: Record<string, View | undefined> = {};
    for (const [name, slot] of Object.entries(node.inputs))
      inputs[name] = slot && this.#viewIn(slot, kernel, node.op.mutates?.includes(name) ? node.op.name : undefined);
    const outputs = node.outputs.map((slot) =>
      this.#define(
        slot,
        kernel.halves === 'all' && this.#abilities.half && mayBeHalf(slot) ? 'f16' : gpuType(slot.dtype),
      ),
    );
    const scratches: GpuScratch[] = [];
    const first = this.#steps.length;
    const dispatches = kernel.lower({
      inputs,
      outputs,
      options: node.options,
      features: this.#abilities.features,
      limits: this.#abilities.limits,
      tensorCores: this.#abilities.tensorCores,
      scratch: (bytes) => {
        const scratch: GpuScratch = { bytes: Math.max(4, Math.ceil(bytes / 4) * 4) };
        assertBytes(scratch.bytes, `scratch memory of ${node.op.name}`, this.#abilities.limits);
        scratches.push(scratch);
        return scratch;
      },
    });
    for (const dispatch of dispatches)
      if (dispatch.workgroups.every((n) => n > 0)) this.#steps.push({ label: node.op.name, dispatch });
    const last = Math.max(first, this.#steps.length - 1);
    for (const scratch of scratches) this.#lifetimes.set(scratch, { bytes: scratch.bytes, first, last });
    for (const view of [...Object.values(inputs), ...outputs]) if (view) this.#touch(view, first, last);
  }

  #define(slot: Slot, storage: GpuType): View {
    const view: View = { id: this.#nextId++, shape: slot.shape, dtype: slot.dtype, storage, slot };
    this.#views.set(slot.index, new Map([[storage, view]]));
    return view;
  }

  /** The slot as a kernel wants it: as stored, or converted to f32 first. */
  #viewIn(slot: Slot, kernel: WebGpuKernel, mutatedBy: string | undefined): View {
    const views = this.#views.get(slot.index)!;
    const stored = views.values().next().value!;
    const wanted = gpuType(slot.dtype);
    if (stored.storage === wanted || kernel.halves !== undefined) return stored;
    if (mutatedBy !== undefined)
      throw new DTypeError(
        `${mutatedBy}: ${describe(slot)} is written in place but stored as f16 on this device; upload it, or copy it to another rank.`,
        { op: mutatedBy },
      );
    const there = views.get(wanted);
    if (there !== undefined) return there;
    const view: View = {
      id: this.#nextId++,
      shape: slot.shape,
      dtype: slot.dtype,
      storage: wanted,
      slot: { ...slot, role: 'temporary' },
    };
    const step = this.#steps.length;
    const size = sizeOf(slot.shape);
    this.#steps.push({
      label: 'storage',
      dispatch: {
        shader: convertShader,
        types: { FROM: stored.storage, TO: wanted },
        bindings: [stored, view],
        uniforms: [{ u32: size }],
        workgroups: linearGroups(size, 64),
      },
    });
    this.#touch(stored, step, step);
    this.#touch(view, step, step);
    views.set(wanted, view);
    return view;
  }

  #touch(view: View, first: number, last: number): void {
    if (view.slot.role !== 'temporary') return;
    const life = this.#lifetimes.get(view);
    if (life === undefined) this.#lifetimes.set(view, { bytes: gpuBytes(view, view.storage), first, last });
    else life.last = Math.max(life.last, last);
  }

  #encode(): CompiledGraph {
    const owners = [...this.#lifetimes.keys()];
    const plan = planSharedObjects(owners.map((owner) => this.#lifetimes.get(owner)! satisfies Lifetime));
    const objectOf = new Map(owners.map((owner, k) => [owner, plan.objects[k]!]));
    const indexOf = new Map<number, number>();
    const results: ResultBuffer[] = [];
    let externals = 0;
    for (const slot of this.#graph.slots) {
      if (slot.role === 'external') indexOf.set(slot.index, externals++);
      if (slot.role !== 'result') continue;
      indexOf.set(slot.index, results.length);
      const { storage } = this.#views.get(slot.index)!.values().next().value!;
      results.push({ bytes: gpuBytes(slot, storage), half: storage !== gpuType(slot.dtype) });
    }
    const { minUniformBufferOffsetAlignment, minStorageBufferOffsetAlignment } = this.#abilities.limits;
    const tables: number[] = [];
    const placeOf = (binding: GpuView | GpuScratch | GpuTable): Place => {
      if ('table' in binding) {
        while ((tables.length * 4) % minStorageBufferOffsetAlignment !== 0) tables.push(0);
        const offset = tables.length * 4;
        for (const word of binding.table) tables.push(bitsOf(word));
        return { base: 'tables', index: 0, offset, bytes: tables.length * 4 - offset };
      }
      if (!('slot' in binding))
        return { base: 'object', index: objectOf.get(binding)!, bytes: (binding as GpuScratch).bytes };
      const { slot, storage } = binding as View;
      const bytes = gpuBytes(slot, storage);
      if (slot.role === 'temporary') return { base: 'object', index: objectOf.get(binding)!, bytes };
      return { base: slot.role, index: indexOf.get(slot.index)!, bytes };
    };
    const words: number[] = [];
    const steps = this.#steps.map(({ label, dispatch }): ProgramStep => {
      const uniforms = dispatch.uniforms ?? [];
      while ((words.length * 4) % minUniformBufferOffsetAlignment !== 0) words.push(0);
      const uniformOffset = words.length * 4;
      for (const word of uniforms) words.push(bitsOf(word));
      while (words.length % 4 !== 0) words.push(0);
      return {
        label,
        dispatch,
        places: dispatch.bindings.map((binding) => binding && placeOf(binding)),
        uniformOffset,
        uniformBytes: words.length * 4 - uniformOffset,
      };
    });
    return { steps, results, objects: plan.bytes, uniforms: Uint32Array.from(words), tables: Uint32Array.from(tables) };
  }
}

/** Activations: what has samples and channels. */
function mayBeHalf(spec: TensorSpec): boolean {
  return spec.dtype === 'f32' && (spec.shape.length === 4 || spec.shape.length === 5);
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function bitsOf(word: GpuWord): number {
  if ('u32' in word) return word.u32 >>> 0;
  if ('i32' in word) return word.i32 >>> 0;
  float[0] = word.f32;
  return bits[0]!;
}

function assertFits(spec: Slot, { features, limits }: GpuAbilities): void {
  if (spec.dtype === 'f16' && !features.has('shader-f16'))
    throw new DTypeError(
      `webgpu: ${describe(spec)} needs the adapter's shader-f16 feature, which is missing here; use f32.`,
      { dtype: 'f16' },
    );
  assertBytes(gpuBytes(spec), describe(spec), limits);
}

/** Throws: OutOfMemoryError where one binding does not hold so much. */
export function assertBytes(bytes: number, what: string, limits: GPUSupportedLimits): void {
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  if (bytes > most)
    throw new OutOfMemoryError(
      `webgpu: ${what} takes ${bytes} bytes, one buffer of this adapter holds ${most}; use a smaller patch or batch, or cut it into parts.`,
      { requestedBytes: bytes, freeBytes: most, largestFreeBytes: most, limitBytes: most },
    );
}
