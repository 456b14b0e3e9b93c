/**
 * How an operation runs on a WebGPU device: a lowering turns one recorded operation into a short list of dispatches.
 *
 * Tensors are row-major storage buffers: f32, i32, f16 where the adapter has it, and u8 as one u32 per element. Arithmetic
 * is f32 whatever the storage.
 * Every tensor of a dispatch has a buffer range of its own, except that one tensor may be bound twice for reading; so inputs
 * are declared `read`, outputs, scratch and inputs that are written in place `read_write`. Every binding given must be
 * used by the entry point. Result buffers are not cleared: a kernel writes every element. A kernel's WGSL is only ever preceded by
 * a prelude (enables, type aliases, constants, one-line functions), never edited.
 *
 * A shader may count on 256 invocations per workgroup, 16 KiB of workgroup memory and 8 storage buffers; more where `limits` say so.
 *
 * A kernel sees tensors that fit one binding of the adapter. Where one does not, the device computes the operation in parts by
 * the kernel's `cuts` or `stages`: it hands the kernel boxes of the tensors as if they were whole, and puts the results in place.
 */
import type { Variant } from '../autotune.ts';
import type { DType, Shape, TensorSpec } from '../../tensor/spec.ts';
import type { MatrixShape } from './tensor-cores.ts';

/** A tensor as a lowering sees it. */
export interface GpuView extends TensorSpec {
  /** Identity of the buffer: two views with the same id share memory. */
  readonly id: number;
  /** The WGSL type of its elements. f32 tensors of rank 4 and 5 may be stored as f16, see `WebGpuKernel.halves`. */
  readonly storage: GpuType;
}

/** Memory alive for the dispatches of one operation only. */
export interface GpuScratch {
  readonly bytes: number;
}

/** Words that are fixed when the operation is lowered, too many for uniforms: tables, read as a storage buffer. */
export interface GpuTable {
  readonly table: readonly GpuWord[];
}

/** A WGSL scalar type. */
export type GpuType = 'f32' | 'f16' | 'i32' | 'u32';

export type GpuWord = { readonly u32: number } | { readonly i32: number } | { readonly f32: number };

export interface Dispatch {
  /** Shader text, a real .wgsl file. */
  readonly shader: string;
  /** Default `main`. */
  readonly entryPoint?: string;
  /** `alias NAME = type;` lines put before the shader; f16 enables itself. */
  readonly types?: Readonly<Record<string, GpuType>>;
  /** `const NAME = value;` lines put before the shader: sizes that specialize it. Part of the pipeline's identity. */
  readonly constants?: Readonly<Record<string, number | boolean>>;
  /** Whole WGSL functions put before the shader: the formula of a pointwise row. */
  readonly functions?: readonly string[];
  /** WGSL extensions, such as `subgroups`; the lowering has looked at `features` before. */
  readonly enables?: readonly string[];
  /** Bound as @group(0) @binding(0…), in this order; undefined where this entry point uses none. */
  readonly bindings: readonly (GpuView | GpuScratch | GpuTable | undefined)[];
  /** Bound as one uniform after the bindings, packed without gaps (a WGSL struct of scalars, or vec4s); absent: none. */
  readonly uniforms?: readonly GpuWord[];
  readonly workgroups: readonly [number, number, number];
}

export interface GpuLoweringContext<R> {
  readonly inputs: Readonly<Record<string, GpuView | undefined>>;
  readonly outputs: readonly GpuView[];
  readonly options: R;
  /** Features the device was made with: `shader-f16`, `subgroups`, `chromium-experimental-subgroup-matrix`, … */
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  /** Subgroup matrices to multiply halves with; absent: none, or not wanted. */
  readonly matrices?: MatrixShape | undefined;
  /** Asks for scratch memory, shared by all dispatches of this lowering; not cleared. */
  scratch(bytes: number): GpuScratch;
}

/** A box of a tensor. What lies outside of the tensor reads as zeros; an axis may be empty. */
export interface Box {
  readonly begin: readonly number[];
  readonly shape: Shape;
  /** The tensor is seen in this shape of the same size, in row-major order. Not possible where a box is cut again. */
  readonly of?: Shape;
}

/** One call of an operation: its shapes and options. */
export interface GpuCall<R> {
  readonly inputs: Readonly<Record<string, TensorSpec | undefined>>;
  readonly outputs: readonly TensorSpec[];
  readonly options: R;
}

/** The same operation on boxes of its tensors; what is no box is not given to the part. */
export interface GpuPart {
  readonly inputs: Readonly<Record<string, Box | undefined>>;
  readonly outputs: readonly Box[];
  /** Of the kernel's own options. */
  readonly options: unknown;
  /** What the outputs are multiplied with before they join; default 1. */
  readonly share?: number;
}

/** How the output of a part comes to the whole: to its place, joined with what other parts put there, or not at all. */
export type Join = 'place' | 'add' | 'max' | 'min' | 'none';

/** One way to compute a call in parts. */
export interface GpuCut {
  /** Positions that can be computed apart. */
  readonly length: number;
  /** The part for the positions from `begin` to before `end`. */
  part(begin: number, end: number): GpuPart;
  /** One per output; default `place`. */
  readonly joins?: readonly Join[];
  /** What is left to do when the outputs are joined, over the whole outputs. */
  finish?(context: GpuFinish): readonly Dispatch[];
}

export type GpuFinish = Omit<GpuLoweringContext<unknown>, 'inputs' | 'options'>;

/** A tensor of the call (an input by name, an output by number) or one between its stages (one object is one tensor), or a box of it. */
export interface StageTensor {
  readonly of: string | number | TensorSpec;
  readonly box?: Box;
}

/** One of the calls, of other kernels, that together compute a call; each is cut by its own kernel. */
export interface GpuStage {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- options of any kernel
  readonly kernel: WebGpuKernel<any>;
  readonly options: unknown;
  readonly inputs: Readonly<Record<string, StageTensor>>;
  readonly outputs: readonly StageTensor[];
  /** Inputs that are written in place. */
  readonly mutates?: readonly string[];
}

export interface WebGpuKernel<R = unknown> {
  /**
   * On a device that keeps activations as halves: whether this kernel takes f32 inputs of rank 4 and 5 stored as f16, and
   * whether its f32 outputs of those ranks may be stored so (all, or those of these numbers). It goes by each view's `storage`
   * then. Absent: it sees f32 only.
   */
  readonly halves?: 'inputs' | 'all' | readonly number[];
  /** How to compute a call whose tensors pass the adapter's limits, best first. Absent: such a call is refused. */
  cuts?(call: GpuCall<R>): readonly GpuCut[];
  /** In place of `cuts`, where parts of the whole call cannot be computed apart but parts of its steps can. */
  stages?(call: GpuCall<R>): readonly GpuStage[];
  /** Ways to run a call, by options that lead to the same results; an autotuner times them where a table is given. */
  variants?(call: GpuCall<R>): readonly Variant[];
  lower(context: GpuLoweringContext<R>): readonly Dispatch[];
}

export const u32 = (value: number): GpuWord => ({ u32: value });
export const i32 = (value: number): GpuWord => ({ i32: value });
export const f32 = (value: number): GpuWord => ({ f32: value });

/** The WGSL type that stores a dtype. */
export function gpuType(dtype: DType): GpuType {
  return dtype === 'u8' ? 'u32' : dtype;
}

/** Bytes of a tensor's buffer: whole words, never empty. */
export function gpuBytes(spec: TensorSpec, storage: GpuType = gpuType(spec.dtype)): number {
  let size = 1;
  for (const n of spec.shape) size *= n;
  return Math.max(4, Math.ceil((size * (storage === 'f16' ? 2 : 4)) / 4) * 4);
}

const MAX_GROUPS = 65535;

/**
 * Workgroups for `count` invocations in a line, folded into y where x ends. In WGSL the index is
 * `(group.y * groups.x + group.x) * size + local`; the last ones lie past `count`.
 */
export function linearGroups(count: number, size: number): readonly [number, number, number] {
  const groups = Math.max(1, Math.ceil(count / size));
  const x = Math.min(groups, MAX_GROUPS);
  return [x, Math.ceil(groups / x), 1];
}

/** Length of a uniform table for `entries`: few lengths, so that shaders that differ in nothing else share a pipeline. */
export function tableLength(entries: number): number {
  return entries <= 64 ? 64 : 4 ** Math.ceil(Math.log(entries) / Math.log(4));
}
