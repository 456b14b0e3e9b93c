/** Turns a recorded graph into a WebGPU program: dispatches listed, temporaries planned, uniforms packed. */
import { DTypeError } from '../../errors.ts';
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
import { wholePiece, type Memory, type Stored, type View } from './pieces.ts';
import { PartLowering } from './parts.ts';
import { bindingBytes, segmentsOf } from './segments.ts';
import { planSharedObjects } from './shared-objects.ts';
import type { MatrixShape } from './tensor-cores.ts';

/** Where a binding's buffer comes from: given, made as a result, a shared object for temporaries, or the program's tables. */
export interface Place {
  readonly base: 'external' | 'result' | 'object' | 'tables';
  /** Among the segments of all externals or results, or among the objects. */
  readonly index: number;
  readonly bytes: number;
  /** In bytes. */
  readonly offset: number;
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
  /** One per segment. */
  readonly bytes: readonly number[];
  readonly half: boolean;
}

export interface GpuAbilities {
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  /** Whether activations are stored as f16. */
  readonly half: boolean;
  readonly matrices?: MatrixShape | undefined;
}

/** The layout name of a buffer that stores an f32 tensor as f16. */
export const HALF_LAYOUT = 'half';

export interface Step {
  readonly label: string;
  readonly dispatch: Dispatch;
}

/** Throws: OutOfMemoryError where an operation cannot be cut to the adapter's limits; DTypeError for f16 without the feature. */
export function compile(graph: Graph, abilities: GpuAbilities): CompiledGraph {
  return new Compiler(graph, abilities).run();
}

class Compiler {
  readonly #graph: Graph;
  readonly #abilities: GpuAbilities;
  /** What each slot is stored as; a second storage of the same numbers is made once and kept. */
  readonly #stored = new Map<number, Map<GpuType, Stored>>();
  readonly #steps: Step[] = [];
  readonly #parts: PartLowering;

  constructor(graph: Graph, abilities: GpuAbilities) {
    this.#graph = graph;
    this.#abilities = abilities;
    this.#parts = new PartLowering(abilities, this.#steps);
    for (const slot of graph.slots) {
      assertStorable(slot, abilities);
      if (slot.role === 'external') this.#define(slot, slot.layout === HALF_LAYOUT ? 'f16' : gpuType(slot.dtype));
    }
  }

  run(): CompiledGraph {
    for (const node of this.#graph.nodes) this.#lower(node);
    return this.#encode();
  }

  #lower(node: GraphNode): void {
    const kernel = node.op.kernels.webgpu as WebGpuKernel;
    const inputs: Record<string, Stored | undefined> = {};
    for (const [name, slot] of Object.entries(node.inputs))
      inputs[name] = slot && this.#input(slot, kernel, node.op.mutates?.includes(name) ? node.op.name : undefined);
    const { halves = 'inputs' } = kernel;
    const outputs = node.outputs.map((slot, k) => {
      const takesHalf = halves === 'all' || (halves !== 'inputs' && halves.includes(k));
      return this.#define(slot, takesHalf && this.#abilities.half && mayBeHalf(slot) ? 'f16' : gpuType(slot.dtype));
    });
    this.#parts.lower({
      name: node.op.name,
      kernel,
      mutates: node.op.mutates ?? [],
      options: node.options,
      inputs: Object.fromEntries(Object.entries(inputs).map(([name, stored]) => [name, stored && wholePiece(stored)])),
      outputs: outputs.map(wholePiece),
    });
  }

  #define(slot: Slot, storage: GpuType): Stored {
    const stored = this.#parts.store(slot, storage, slot.role === 'temporary' ? undefined : slot);
    this.#stored.set(slot.index, new Map([[storage, stored]]));
    return stored;
  }

  /** The slot as a kernel wants it: as stored, or converted to f32 first. In parts it is converted when it is cut. */
  #input(slot: Slot, kernel: WebGpuKernel, mutatedBy: string | undefined): Stored {
    const all = this.#stored.get(slot.index)!;
    const stored = all.values().next().value!;
    const wanted = gpuType(slot.dtype);
    if (stored.storage === wanted || kernel.halves !== undefined) return stored;
    if (mutatedBy !== undefined)
      throw new DTypeError(
        `${mutatedBy}: ${describe(slot)} is written in place but stored as f16 on this device; upload it, or copy it to another rank.`,
        { op: mutatedBy },
      );
    const there = all.get(wanted);
    if (there !== undefined) return there;
    if (segmentsOf(slot, bindingBytes(this.#abilities.limits), wanted).length > 1) return stored;
    const converted = this.#parts.store(slot, wanted, undefined);
    const size = sizeOf(slot.shape);
    this.#steps.push({
      label: 'storage',
      dispatch: {
        shader: convertShader,
        types: { FROM: stored.storage, TO: wanted },
        bindings: [stored.segments[0], converted.segments[0]],
        uniforms: [{ u32: size }],
        workgroups: linearGroups(size, 64),
      },
    });
    all.set(wanted, converted);
    return converted;
  }

  #encode(): CompiledGraph {
    const objects = this.#planObjects();
    const firstPart = new Map<number, number>();
    const results: ResultBuffer[] = [];
    const counts = { external: 0, result: 0 };
    for (const slot of this.#graph.slots) {
      if (slot.role === 'temporary') continue;
      const { segments, storage } = this.#stored.get(slot.index)!.values().next().value!;
      firstPart.set(slot.index, counts[slot.role]);
      counts[slot.role] += segments.length;
      if (slot.role === 'result')
        results.push({ bytes: segments.map(({ memory }) => memory.bytes), half: storage !== gpuType(slot.dtype) });
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
      const { slot, part } = memoryOf(binding);
      const bytes =
        'memory' in binding ? gpuBytes(binding as View, (binding as View).storage) : (binding as GpuScratch).bytes;
      const offset = 'memory' in binding ? (binding as View).offset : 0;
      if (slot === undefined) return { base: 'object', index: objects.indexOf(binding), offset, bytes };
      return { base: slot.role as 'external' | 'result', index: firstPart.get(slot.index)! + part, offset, bytes };
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
    return {
      steps,
      results,
      objects: objects.bytes,
      uniforms: Uint32Array.from(words),
      tables: Uint32Array.from(tables),
    };
  }

  /** Temporaries live from the first to the last dispatch that is given them. */
  #planObjects(): { indexOf(binding: GpuView | GpuScratch): number; bytes: readonly number[] } {
    const lifetimes = new Map<object, { bytes: number; first: number; last: number }>();
    this.#steps.forEach(({ dispatch }, step) => {
      for (const binding of dispatch.bindings) {
        if (binding === undefined || 'table' in binding) continue;
        const memory = memoryOf(binding);
        if (memory.slot !== undefined) continue;
        const life = lifetimes.get(memory);
        if (life === undefined) lifetimes.set(memory, { bytes: memory.bytes, first: step, last: step });
        else life.last = step;
      }
    });
    const plan = planSharedObjects([...lifetimes.values()]);
    const objectOf = new Map([...lifetimes.keys()].map((memory, k) => [memory, plan.objects[k]!]));
    return { indexOf: (binding) => objectOf.get(memoryOf(binding))!, bytes: plan.bytes };
  }
}

/** A view's memory; scratch is a memory by itself. */
function memoryOf(binding: GpuView | GpuScratch): Memory {
  return 'memory' in binding ? (binding as View).memory : (binding as unknown as Memory);
}

/** Activations: what has samples and channels. */
export function mayBeHalf(spec: TensorSpec): boolean {
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

/** Throws: DTypeError for f16 where shaders cannot read it. */
export function assertStorable(spec: TensorSpec, { features }: Pick<GpuAbilities, 'features'>): void {
  if (spec.dtype === 'f16' && !features.has('shader-f16'))
    throw new DTypeError(
      `webgpu: ${describe(spec)} needs the adapter's shader-f16 feature, which is missing here; use f32.`,
      { dtype: 'f16' },
    );
}
