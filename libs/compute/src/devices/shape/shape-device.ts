/** The shape device: runs shape rules only, and counts memory and work. Networks run on it in milliseconds. */
import { UsageError } from '../../errors.ts';
import type { AnyOp } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { bytesPerElement, sizeOf, type HostArray, type TensorSpec } from '../../tensor/spec.ts';
import type { Device, MemoryUse, Storage } from '../device.ts';

class CountedStorage {
  readonly bytes: number;
  constructor(spec: TensorSpec) {
    this.bytes = sizeOf(spec.shape) * bytesPerElement(spec.dtype);
  }
}

/** Work done so far: calls and multiply-adds, in all and per operation. */
export interface WorkCount {
  readonly calls: number;
  readonly multiplyAdds: number;
  readonly perOp: ReadonlyMap<string, { readonly calls: number; readonly multiplyAdds: number }>;
}

export interface ShapeDevice extends Device {
  work(): WorkCount;
}

class CountingDevice implements ShapeDevice {
  readonly kind = 'shape';
  readonly name = 'shape';
  #bytes = 0;
  #peak = 0;
  #calls = 0;
  #multiplyAdds = 0;
  readonly #perOp = new Map<string, { calls: number; multiplyAdds: number }>();

  upload(_data: HostArray, spec: TensorSpec): Storage {
    return this.#hold(spec);
  }

  run(
    op: AnyOp,
    inputs: Readonly<Record<string, Tensor | undefined>>,
    options: unknown,
    outputs: readonly TensorSpec[],
  ): Storage[] {
    const work = op.multiplyAdds?.(inputs, options) ?? outputs.reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
    const row = this.#perOp.get(op.name) ?? { calls: 0, multiplyAdds: 0 };
    row.calls++;
    row.multiplyAdds += work;
    this.#perOp.set(op.name, row);
    this.#calls++;
    this.#multiplyAdds += work;
    return outputs.map((spec) => this.#hold(spec));
  }

  read(): Promise<HostArray> {
    return Promise.reject(
      new UsageError('read: the shape device holds shapes, no numbers; run on another device to get values.'),
    );
  }

  release(storage: Storage): void {
    this.#bytes -= (storage as CountedStorage).bytes;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  memory(): MemoryUse {
    return { bytes: this.#bytes, peakBytes: this.#peak, limitBytes: Infinity };
  }

  work(): WorkCount {
    return { calls: this.#calls, multiplyAdds: this.#multiplyAdds, perOp: this.#perOp };
  }

  dispose(): void {}

  #hold(spec: TensorSpec): CountedStorage {
    const storage = new CountedStorage(spec);
    this.#bytes += storage.bytes;
    this.#peak = Math.max(this.#peak, this.#bytes);
    return storage;
  }
}

/** A device that counts instead of computing. Memory is that of eager execution with every tensor freed at its dispose. */
export function createShapeDevice(): ShapeDevice {
  return new CountingDevice();
}
