/** What every device can do. A device is handed operations; it knows none of them by name. */
import type { AnyOp } from '../op/op.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { HostArray, TensorSpec } from '../tensor/spec.ts';

/** Where numbers live; each device has its own kind and no other device looks inside. */
export type Storage = object;

export type DeviceKind = 'reference' | 'shape' | 'wasm' | 'webgpu';

/** Bytes held by live tensors now, the most there ever was (temporaries included), and the limit (Infinity if none). */
export interface MemoryUse {
  readonly bytes: number;
  readonly peakBytes: number;
  readonly limitBytes: number;
}

export interface Device {
  readonly kind: DeviceKind;
  /** For people: `wasm (relaxed SIMD, 2 threads)`. */
  readonly name: string;
  /** Copies host numbers in. The array may be reused by the caller afterwards. */
  upload(data: HostArray, spec: TensorSpec): Storage;
  /**
   * Runs an operation, or records it to run later. `outputs` comes from the operation's shape rule.
   * Throws: DeviceError if the device has no kernel for it; nothing moves to another device in silence.
   */
  run(
    op: AnyOp,
    inputs: Readonly<Record<string, Tensor | undefined>>,
    options: unknown,
    outputs: readonly TensorSpec[],
  ): Storage[];
  read(storage: Storage, spec: TensorSpec): Promise<HostArray>;
  release(storage: Storage): void;
  /** Executes what was recorded and waits for it. */
  flush(): Promise<void>;
  memory(): MemoryUse;
  /** Frees everything; tensors of this device are dead afterwards. */
  dispose(): void;
}
