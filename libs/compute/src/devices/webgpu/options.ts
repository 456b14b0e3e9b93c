/** What a WebGPU device can be told. */
import type { AutotuneTable } from '../autotune.ts';
import type { GpuLimit } from './limits.ts';

export interface WebGpuOptions {
  /** Where adapters come from. Default: the browser's `navigator.gpu`; in Node pass `await createNodeGpu()`. */
  readonly gpu?: GPU;
  /** An adapter chosen by the caller; not used for a device before. */
  readonly adapter?: GPUAdapter;
  readonly powerPreference?: GPUPowerPreference;
  /** Optional features not to use although the adapter has them, such as `shader-f16`. */
  readonly without?: readonly string[];
  /**
   * Keeps activations (what operations return with rank 4 or 5) as halves and computes in f32. Uploads, parameters and
   * weight gradients stay f32. Gradients of activations are halves too: scale the loss. Default false.
   */
  readonly halfActivations?: boolean;
  /**
   * Experimental: multiply halves with subgroup matrices, where the adapter has them as `tensorCoresAvailable` wants.
   * The kernels compile but have not been measured on hardware yet. Default false.
   */
  readonly tensorCores?: boolean;
  /**
   * Times the tiles of convolutions for each new shape, for about a second per program, and keeps the fastest here; the rows
   * are the adapter's own. Default: the shipped choice by channels.
   */
  readonly autotune?: AutotuneTable;
  /** Use less than the adapter offers: a cap per limit. Tensors beyond a binding lie in several buffers. Default: none. */
  readonly limits?: Readonly<Partial<Record<GpuLimit, number>>>;
  /** Tensors and temporaries never take more than this together. Default: no limit but the adapter's. */
  readonly maxBytes?: number;
  /** Keeps milliseconds per operation, where the adapter has timestamps. Each dispatch becomes a pass of its own. */
  readonly profile?: boolean;
}
