/** Buffers of one GPU device: counted, limited, and reused by size, so that steady work makes none and bind groups stay valid. */
import { OutOfMemoryError } from '../../errors.ts';

/** A buffer with an identity that bind groups are cached by. */
export interface PooledBuffer {
  readonly buffer: GPUBuffer;
  readonly id: number;
  readonly bytes: number;
}

/** Values fixed by the WebGPU specification; Node has no global `GPUBufferUsage`. */
export const BufferUsage = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const;
export const MAP_READ = 0x1;

/** Free buffers kept at most, as a share of what is in use. */
const KEEP_SHARE = 0.5;
const KEEP_AT_LEAST = 64 << 20;

export class BufferPool {
  readonly #gpu: GPUDevice;
  readonly #usage: number;
  readonly limitBytes: number;
  readonly #free = new Map<number, PooledBuffer[]>();
  #freeBytes = 0;
  #nextId = 0;
  bytes = 0;
  peakBytes = 0;

  constructor(gpu: GPUDevice, usage: number, limitBytes: number) {
    this.#gpu = gpu;
    this.#usage = usage;
    this.limitBytes = limitBytes;
  }

  /** Throws: OutOfMemoryError past the limit. */
  take(bytes: number, what: string): PooledBuffer {
    const waiting = this.#free.get(bytes);
    const again = waiting?.pop();
    if (again !== undefined) this.#freeBytes -= bytes;
    else if (this.bytes + this.#freeBytes + bytes > this.limitBytes) this.drain();
    const room = Math.max(0, this.limitBytes - this.bytes);
    if (bytes > room)
      throw new OutOfMemoryError(
        `webgpu: ${what} takes ${bytes} bytes; ${this.bytes} are in use of ${this.limitBytes}, so ${room} would fit. Dispose tensors, use a smaller patch or batch, or give up inner results with checkpoint(…) when training.`,
        {
          requestedBytes: bytes,
          freeBytes: room,
          largestFreeBytes: room,
          usedBytes: this.bytes,
          limitBytes: this.limitBytes,
        },
      );
    this.bytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.bytes);
    return again ?? { buffer: this.#gpu.createBuffer({ size: bytes, usage: this.#usage }), id: this.#nextId++, bytes };
  }

  give(buffer: PooledBuffer): void {
    this.bytes -= buffer.bytes;
    if (this.#freeBytes + buffer.bytes > Math.max(KEEP_AT_LEAST, this.bytes * KEEP_SHARE)) {
      buffer.buffer.destroy();
      return;
    }
    const waiting = this.#free.get(buffer.bytes);
    if (waiting) waiting.push(buffer);
    else this.#free.set(buffer.bytes, [buffer]);
    this.#freeBytes += buffer.bytes;
  }

  /** Destroys the buffers that wait for reuse. */
  drain(): void {
    for (const waiting of this.#free.values()) for (const { buffer } of waiting) buffer.destroy();
    this.#free.clear();
    this.#freeBytes = 0;
  }
}
