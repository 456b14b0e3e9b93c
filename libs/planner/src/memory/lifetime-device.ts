/**
 * A shape-only device that keeps the lifetimes of tensors: what a device that records work and runs it as one program
 * needs in memory, known without computing anything.
 */
import {
  type AnyOp,
  type Device,
  type HostArray,
  type MemoryUse,
  sizeOf,
  type Tensor,
  type TensorSpec,
  UsageError,
} from '@voxelwise/compute';

/** One tensor's memory: uploaded before, made and kept, or made and used up. */
interface Held {
  readonly bytes: number;
  readonly uploaded: boolean;
  /** Operation that made it, and the last that touched it. */
  readonly first: number;
  last: number;
  released: boolean;
}

export interface LifetimeOptions {
  /** Feature maps are stored with their channels rounded up to a multiple of this (8 on the WASM device). */
  readonly channelBlock?: number;
}

/** Bytes of a program, by what they are for. */
export interface MemoryPrediction {
  /** Weights, optimizer state, inputs and results: there from beginning to end. */
  readonly residentBytes: number;
  /** The most that intermediate values take at once. */
  readonly temporaryBytes: number;
  readonly peakBytes: number;
}

export class LifetimeDevice implements Device {
  readonly kind = 'shape';
  readonly name = 'shape (lifetimes)';
  readonly #held: Held[] = [];
  readonly #channelBlock: number;
  #step = 0;

  constructor({ channelBlock = 1 }: LifetimeOptions = {}) {
    this.#channelBlock = channelBlock;
  }

  upload(_data: HostArray, spec: TensorSpec): object {
    return this.#hold(plainBytes(spec), true);
  }

  run(
    _op: AnyOp,
    inputs: Readonly<Record<string, Tensor | undefined>>,
    _options: unknown,
    outputs: readonly TensorSpec[],
  ): object[] {
    this.#step++;
    for (const input of Object.values(inputs)) if (input !== undefined) (input.storage as Held).last = this.#step;
    return outputs.map((spec) => this.#hold(this.#blockedBytes(spec), false));
  }

  read(): Promise<HostArray> {
    return Promise.reject(
      new UsageError('read: the lifetime device holds shapes, no numbers; run on another device to get values.'),
    );
  }

  release(storage: object): void {
    (storage as Held).released = true;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  /** Of all that ran so far, as one program. */
  prediction(): MemoryPrediction {
    const resident = this.#held.filter(({ uploaded, released }) => uploaded || !released);
    const residentBytes = resident.reduce((sum, { bytes }) => sum + bytes, 0);
    const temporaryBytes = this.#mostAtOnce(this.#held.filter(({ uploaded, released }) => !uploaded && released));
    return { residentBytes, temporaryBytes, peakBytes: residentBytes + temporaryBytes };
  }

  memory(): MemoryUse {
    const { residentBytes, peakBytes } = this.prediction();
    return { bytes: residentBytes, peakBytes, limitBytes: Infinity };
  }

  dispose(): void {}

  #hold(bytes: number, uploaded: boolean): Held {
    const held: Held = { bytes, uploaded, first: this.#step, last: this.#step, released: false };
    this.#held.push(held);
    return held;
  }

  #blockedBytes(spec: TensorSpec): number {
    const [samples, channels, ...space] = spec.shape;
    if (spec.dtype !== 'f32' || space.length < 2) return plainBytes(spec);
    const stored = Math.ceil(channels! / this.#channelBlock) * this.#channelBlock;
    return 4 * samples! * stored * sizeOf(space);
  }

  #mostAtOnce(temporaries: readonly Held[]): number {
    const change = new Float64Array(this.#step + 2);
    for (const { bytes, first, last } of temporaries) {
      change[first]! += bytes;
      change[last + 1]! -= bytes;
    }
    let [now, most] = [0, 0];
    for (const bytes of change) most = Math.max(most, (now += bytes));
    return most;
  }
}

function plainBytes(spec: TensorSpec): number {
  return sizeOf(spec.shape) * { f32: 4, f16: 2, i32: 4, u8: 1 }[spec.dtype];
}
