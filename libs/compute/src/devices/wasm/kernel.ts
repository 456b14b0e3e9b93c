/**
 * How an operation runs on the WASM device: a lowering turns one recorded operation into a short list of kernel calls.
 *
 * Kernel ABI. A kernel is an exported WebAssembly function `name(args: usize, part: i32, parts: i32): void` over one shared
 * memory. `args` points at 4-byte words, in the order of `KernelCall.args`. Every thread calls it with its own `part` of
 * `parts`; when all have returned, the next call starts (a barrier in between). A kernel allocates nothing: what it needs
 * comes in through its arguments. It must give the same bits for every `parts` (partition reductions by fixed blocks, not
 * by thread), and every access stays inside the buffers it was given.
 *
 * Layouts. `plain` is row-major. `blocked` is for f32 tensors of rank 4 or 5, [N, C, (z,) y, x]: stored as
 * [N, ceil(C/8), (z,) y, x, 8], channels padded to a multiple of 8, and the padding channels always hold zeros
 * (a kernel that writes a blocked tensor writes them too).
 */
import type { TensorSpec } from '../../tensor/spec.ts';

export type Layout = 'plain' | 'blocked';

/** A tensor as a lowering sees it. */
export interface WasmView extends TensorSpec {
  readonly layout: Layout;
  /** Identity of the buffer: two views with the same id share memory. */
  readonly id: number;
}

/** One word of a kernel's arguments. Pointers are resolved once the memory is planned. */
export type KernelArgument =
  | { readonly i32: number }
  | { readonly f32: number }
  | { readonly pointer: WasmView; readonly byteOffset?: number }
  | { readonly scratch: ScratchBuffer; readonly byteOffset?: number }
  /** The address of a block of constant 4-byte words placed in memory with the program (lists of sizes, taps, pointers). */
  | { readonly words: readonly KernelArgument[] };

/** Memory alive for the calls of one operation only. */
export interface ScratchBuffer {
  readonly bytes: number;
}

/**
 * Records of the moments of a blocked tensor (devices/wasm/moments.as.ts): `perRow` for each sample's block of channels, in order
 * of rows. Which voxels a record covers follows from the sizes alone.
 */
export interface Moments {
  readonly records: ScratchBuffer;
  readonly perRow: number;
}

/** Bytes of a record of moments: as in the kernels. */
export const MOMENTS_BYTES = 80;

/** An image that need not be stored where it is computed: leaky ReLU of `from` · a + b. Blocked. */
export interface Deferred {
  readonly from: WasmView;
  /** a[8] and b[8] per sample's block of channels. */
  readonly factors: ScratchBuffer;
  readonly slope: number;
  /** The call that stores it. */
  store(to: WasmView): KernelCall;
}

export interface KernelCall {
  /** Name of the exported function. */
  readonly kernel: string;
  readonly args: readonly KernelArgument[];
  /** A buffer got from `LoweringContext.constant`, which this call fills and does nothing else. */
  readonly makes?: ScratchBuffer;
}

export interface LoweringContext<R> {
  readonly inputs: Readonly<Record<string, WasmView | undefined>>;
  readonly outputs: readonly WasmView[];
  readonly options: R;
  readonly threads: number;
  /** Which build of the kernels runs. Layout and algorithm must not depend on `threads` when deterministic. */
  readonly build: 'simd' | 'relaxed';
  readonly deterministic: boolean;
  /** Asks for scratch memory (16-byte aligned), shared by all calls of this lowering. */
  scratch(bytes: number): ScratchBuffer;
  /**
   * Asks for memory for what the calls that say `makes` compute from `source` alone, such as transformed weights. Where the source
   * comes from outside the program, as a network's weights do when it predicts, the memory is kept and those calls are left out
   * until somebody writes the source.
   */
  constant(bytes: number, source: WasmView): ScratchBuffer;
  /** Records of an input's moments, where the operation that computed it in this program has left some. */
  momentsOf(input: WasmView): Moments | undefined;
  /**
   * Room for `perRow` records of the moments of a blocked output, if a later operation asks for them (`WasmKernel.readsMoments`).
   * Who asks for room fills it. An operation that knows its output while it is in the cache saves the other a pass over memory.
   */
  leaveMoments(output: WasmView, perRow: number): ScratchBuffer | undefined;
  /** The calls that store output 0 now: none where the device keeps `image.from` instead and stores the image before it is read. */
  defer(image: Deferred): readonly KernelCall[];
  /** What an input that the operation takes so (`WasmKernel.takesDeferred`) is to be made of; undefined where it is stored. */
  deferred(input: WasmView): Deferred | undefined;
}

/** A WebAssembly module of somebody else's package: imports `env.memory` (shared, maximum 65536 pages), exports kernels. */
export interface WasmKernelModule {
  /** Unique name; kernels of the module are called as exported. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** One way among several to compute the same: options that ask for it. */
export interface WasmVariant<R> {
  readonly name: string;
  readonly options: R;
}

export interface WasmKernel<R = unknown> {
  /** Where the kernels live, when they are not Voxelwise's own. */
  readonly module?: WasmKernelModule;
  /**
   * The layouts this operation wants, given those in which the inputs come. The device converts where they differ.
   * Absent: every input and output plain.
   */
  layouts?(came: {
    readonly inputs: Readonly<Record<string, WasmView | undefined>>;
    readonly outputs: readonly TensorSpec[];
    readonly options: R;
  }): { readonly inputs: Readonly<Record<string, Layout>>; readonly outputs: readonly Layout[] };
  /**
   * Per output, the input whose memory it may take if nobody needs that input later: the kernels read a number of it for the
   * last time before they write that number of the output.
   */
  readonly overwrites?: readonly string[];
  /** The input, blocked, whose moments this operation needs: `LoweringContext.momentsOf` may then have them. */
  readonly readsMoments?: string;
  /** The input of which one pass makes output 0: the lowering leaves storing it to `LoweringContext.defer`. Both blocked. */
  readonly defers?: string;
  /** The input, blocked, that the kernels for these sizes can take before it is stored: the lowering asks `LoweringContext.deferred`. */
  takesDeferred?(node: {
    readonly inputs: Readonly<Record<string, TensorSpec | undefined>>;
    readonly options: R;
  }): string | undefined;
  lower(context: LoweringContext<R>): readonly KernelCall[];
  /** Options that compute the same in other ways, the best by estimate first, for a device that times them. Same layouts for all. */
  variants?(node: {
    readonly inputs: Readonly<Record<string, TensorSpec | undefined>>;
    readonly options: R;
  }): readonly WasmVariant<R>[];
}

export const int = (value: number): KernelArgument => ({ i32: value });
export const float = (value: number): KernelArgument => ({ f32: value });
export const pointer = (view: WasmView, byteOffset = 0): KernelArgument => ({ pointer: view, byteOffset });
export const scratchPointer = (scratch: ScratchBuffer, byteOffset = 0): KernelArgument => ({ scratch, byteOffset });

/** The address of float64 numbers, for kernels that compute in double precision. */
export function doubles(values: readonly number[]): KernelArgument {
  return { words: [...new Int32Array(Float64Array.from(values).buffer)].map(int) };
}
