/** Milliseconds on the GPU per operation, by timestamps around each dispatch. */
const QUERY_RESOLVE = 0x200;
const COPY_SOURCE = 0x4;
const COPY_TARGET = 0x8;
const MAP_READ = 0x1;
/** Queries in one set, by the specification. */
const MOST_QUERIES = 4096;

export class StepTimes {
  readonly milliseconds = new Map<string, number>();
  readonly #gpu: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readable: GPUBuffer;
  #count = 0;

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    this.#queries = gpu.createQuerySet({ type: 'timestamp', count: MOST_QUERIES });
    this.#resolved = gpu.createBuffer({ size: MOST_QUERIES * 8, usage: QUERY_RESOLVE | COPY_SOURCE });
    this.#readable = gpu.createBuffer({ size: MOST_QUERIES * 8, usage: COPY_TARGET | MAP_READ });
  }

  begin(steps: number): void {
    this.#count = Math.min(steps, MOST_QUERIES / 2);
  }

  /** Steps past what one set holds are not timed. */
  writes(step: number): GPUComputePassDescriptor {
    if (step >= this.#count) return {};
    return {
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: step * 2,
        endOfPassWriteIndex: step * 2 + 1,
      },
    };
  }

  resolve(commands: GPUCommandEncoder): void {
    if (this.#count === 0) return;
    commands.resolveQuerySet(this.#queries, 0, this.#count * 2, this.#resolved, 0);
    commands.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, this.#count * 16);
  }

  async collect(labels: readonly string[]): Promise<void> {
    if (this.#count === 0) return;
    await this.#readable.mapAsync(MAP_READ, 0, this.#count * 16);
    const nanoseconds = new BigInt64Array(this.#readable.getMappedRange(0, this.#count * 16));
    for (let step = 0; step < this.#count; step++) {
      const spent = Number(nanoseconds[step * 2 + 1]! - nanoseconds[step * 2]!) / 1e6;
      this.milliseconds.set(labels[step]!, (this.milliseconds.get(labels[step]!) ?? 0) + Math.max(0, spent));
    }
    this.#readable.unmap();
  }
}
