/** Turns a recorded graph into a WebGPU program: dispatches listed, temporaries planned, uniforms packed. */
import { DTypeError, OutOfMemoryError } from '../../errors.ts';
import type { Lifetime } from '../../graph/arena.ts';
import type { Graph, GraphNode, Slot } from '../../graph/graph.ts';
import { describe } from '../../tensor/spec.ts';
import { gpuBytes, type Dispatch, type GpuScratch, type GpuView, type GpuWord, type WebGpuKernel } from './kernel.ts';
import { planSharedObjects } from './shared-objects.ts';

/** Where a binding's buffer comes from: given, made as a result, or a shared object for temporaries. */
export interface Place {
  readonly base: 'external' | 'result' | 'object';
  readonly index: number;
  readonly bytes: number;
}

export interface ProgramStep {
  readonly label: string;
  readonly dispatch: Dispatch;
  readonly places: readonly Place[];
  /** Byte range in the program's uniforms; 0 bytes: none. */
  readonly uniformOffset: number;
  readonly uniformBytes: number;
}

export interface CompiledGraph {
  readonly steps: readonly ProgramStep[];
  /** Bytes of each result, in slot order. */
  readonly results: readonly number[];
  /** Bytes of each object for temporaries, greatest first. */
  readonly objects: readonly number[];
  readonly uniforms: Uint32Array<ArrayBuffer>;
}

export interface GpuAbilities {
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
}

interface View extends GpuView {
  readonly slot: Slot;
}

interface Step {
  readonly label: string;
  readonly dispatch: Dispatch;
}

/** Throws: OutOfMemoryError where a tensor passes what one binding may hold; DTypeError for f16 without the feature. */
export function compile(graph: Graph, abilities: GpuAbilities): CompiledGraph {
  const views = graph.slots.map((slot): View => ({ id: slot.index, shape: slot.shape, dtype: slot.dtype, slot }));
  for (const slot of graph.slots) assertFits(slot, abilities);
  const steps: Step[] = [];
  const lifetimes = new Map<object, { bytes: number; first: number; last: number }>();
  for (const node of graph.nodes) lower(node, views, abilities, steps, lifetimes);
  return encode(graph, steps, lifetimes, abilities.limits.minUniformBufferOffsetAlignment);
}

function lower(node: GraphNode, views: readonly View[], abilities: GpuAbilities, steps: Step[], lifetimes: Map<object, { bytes: number; first: number; last: number }>): void {
  const kernel = node.op.kernels.webgpu as WebGpuKernel;
  const inputs: Record<string, View | undefined> = {};
  for (const [name, slot] of Object.entries(node.inputs)) inputs[name] = slot && views[slot.index];
  const outputs = node.outputs.map((slot) => views[slot.index]!);
  const scratches: GpuScratch[] = [];
  const first = steps.length;
  const dispatches = kernel.lower({
    inputs,
    outputs,
    options: node.options,
    ...abilities,
    scratch: (bytes) => {
      const scratch: GpuScratch = { bytes: Math.max(4, Math.ceil(bytes / 4) * 4) };
      scratches.push(scratch);
      return scratch;
    },
  });
  for (const dispatch of dispatches) if (dispatch.workgroups.every((n) => n > 0)) steps.push({ label: node.op.name, dispatch });
  const last = Math.max(first, steps.length - 1);
  for (const scratch of scratches) lifetimes.set(scratch, { bytes: scratch.bytes, first, last });
  for (const view of [...Object.values(inputs), ...outputs]) {
    if (view === undefined || view.slot.role !== 'temporary') continue;
    const life = lifetimes.get(view);
    if (life === undefined) lifetimes.set(view, { bytes: gpuBytes(view), first, last });
    else life.last = last;
  }
}

function encode(graph: Graph, steps: readonly Step[], lifetimes: Map<object, Lifetime>, alignment: number): CompiledGraph {
  const owners = [...lifetimes.keys()];
  const plan = planSharedObjects(owners.map((owner) => lifetimes.get(owner)!));
  const objectOf = new Map(owners.map((owner, k) => [owner, plan.objects[k]!]));
  const externals = graph.slots.filter((slot) => slot.role === 'external');
  const results = graph.slots.filter((slot) => slot.role === 'result');
  const placeOf = (binding: GpuView | GpuScratch): Place => {
    const object = objectOf.get(binding);
    if (!('slot' in binding)) return { base: 'object', index: object!, bytes: (binding as GpuScratch).bytes };
    const { slot } = binding as View;
    const bytes = gpuBytes(slot);
    if (slot.role === 'external') return { base: 'external', index: externals.indexOf(slot), bytes };
    if (slot.role === 'result') return { base: 'result', index: results.indexOf(slot), bytes };
    return { base: 'object', index: object!, bytes };
  };
  const words: number[] = [];
  const compiled = steps.map(({ label, dispatch }): ProgramStep => {
    const uniforms = dispatch.uniforms ?? [];
    while ((words.length * 4) % alignment !== 0) words.push(0);
    const uniformOffset = words.length * 4;
    for (const word of uniforms) words.push(bitsOf(word));
    while (words.length % 4 !== 0) words.push(0);
    return { label, dispatch, places: dispatch.bindings.map(placeOf), uniformOffset, uniformBytes: words.length * 4 - uniformOffset };
  });
  return { steps: compiled, results: results.map(gpuBytes), objects: plan.bytes, uniforms: Uint32Array.from(words) };
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
    throw new DTypeError(`webgpu: ${describe(spec)} needs the adapter's shader-f16 feature, which is missing here; use f32.`, { dtype: 'f16' });
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  if (gpuBytes(spec) > most)
    throw new OutOfMemoryError(
      `webgpu: ${describe(spec)} takes ${gpuBytes(spec)} bytes, one buffer of this adapter holds ${most}; use a smaller patch or batch, or f16.`,
      { wantedBytes: gpuBytes(spec), limitBytes: most },
    );
}
