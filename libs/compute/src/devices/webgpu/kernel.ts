/**
 * How an operation runs on a WebGPU device: a lowering turns one recorded operation into a short list of dispatches.
 *
 * Tensors are row-major storage buffers (f32, f16 where the device supports it, i32; u8 is stored as u32 per element).
 * A kernel's WGSL is only ever preceded by a prelude of constants and enables, never edited.
 */
import type { TensorSpec } from '../../tensor/spec.ts';

/** A tensor as a lowering sees it. */
export interface GpuView extends TensorSpec {
  readonly id: number;
}

export interface GpuScratch {
  readonly bytes: number;
}

export interface Dispatch {
  /** Shader text, a real .wgsl file. Entry point `main` unless named. */
  readonly shader: string;
  readonly entryPoint?: string;
  /** `const NAME = value;` lines put before the shader: sizes that specialize it. Part of the pipeline's identity. */
  readonly constants?: Readonly<Record<string, number | boolean | string>>;
  /** Bound as @group(0) @binding(0…), in this order. */
  readonly bindings: readonly (GpuView | GpuScratch)[];
  /** u32 and f32 words bound as a uniform after the bindings; absent: none. */
  readonly uniforms?: readonly ({ readonly u32: number } | { readonly f32: number })[];
  readonly workgroups: readonly [number, number, number];
}

export interface GpuLoweringContext<R> {
  readonly inputs: Readonly<Record<string, GpuView | undefined>>;
  readonly outputs: readonly GpuView[];
  readonly options: R;
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  scratch(bytes: number): GpuScratch;
}

export interface WebGpuKernel<R = unknown> {
  lower(context: GpuLoweringContext<R>): readonly Dispatch[];
}
