/** The reference device: plain loops on the host, at once. The definition of right, in no hurry. */
import type { AnyOp, HostTensor } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { bytesPerElement, hostArray, sizeOf, type HostArray, type TensorSpec } from '../../tensor/spec.ts';
import type { Device, MemoryUse, Storage } from '../device.ts';

class HostStorage {
  readonly data: HostArray;
  constructor(data: HostArray) {
    this.data = data;
  }
}

class ReferenceDevice implements Device {
  readonly kind = 'reference';
  readonly name = 'reference';
  #bytes = 0;
  #peak = 0;

  upload(data: HostArray, spec: TensorSpec): Storage {
    return this.#hold(data.slice() as HostArray, spec);
  }

  run(
    op: AnyOp,
    inputs: Readonly<Record<string, Tensor | undefined>>,
    options: unknown,
    outputs: readonly TensorSpec[],
  ): Storage[] {
    const hosts: Record<string, HostTensor | undefined> = {};
    for (const [name, input] of Object.entries(inputs))
      hosts[name] = input && { shape: input.shape, dtype: input.dtype, data: (input.storage as HostStorage).data };
    const results = outputs.map((spec) => ({ shape: spec.shape, dtype: spec.dtype, data: hostArray(spec) }));
    op.kernels.reference(hosts, options, results);
    return results.map((result) => this.#hold(result.data, result));
  }

  read(storage: Storage): Promise<HostArray> {
    return Promise.resolve((storage as HostStorage).data.slice() as HostArray);
  }

  release(storage: Storage): void {
    this.#bytes -= (storage as HostStorage).data.byteLength;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  memory(): MemoryUse {
    return { bytes: this.#bytes, peakBytes: this.#peak, limitBytes: Infinity };
  }

  dispose(): void {}

  #hold(data: HostArray, spec: TensorSpec): HostStorage {
    this.#bytes += sizeOf(spec.shape) * Math.max(bytesPerElement(spec.dtype), data.BYTES_PER_ELEMENT);
    this.#peak = Math.max(this.#peak, this.#bytes);
    return new HostStorage(data);
  }
}

/** A device of plain loops; needs nothing. */
export function createReferenceDevice(): Device {
  return new ReferenceDevice();
}
