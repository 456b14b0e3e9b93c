/** Memory inside one growing WebAssembly memory: first fit over a sorted free list, 64-byte aligned. */
import { OutOfMemoryError } from '../../errors.ts';
import { align } from '../../graph/arena.ts';

const PAGE = 65536;
const ALIGNMENT = 64;

export class Heap {
  readonly #memory: WebAssembly.Memory;
  readonly #limit: number;
  /** Free ranges by address: [start, end). */
  readonly #free: { start: number; end: number }[] = [];
  readonly #sizes = new Map<number, number>();
  #end: number;
  #used = 0;
  #peak = 0;

  /** `start`: first address that is ours; `limitBytes`: the memory never grows past it. */
  constructor(memory: WebAssembly.Memory, start: number, limitBytes: number) {
    this.#memory = memory;
    this.#end = start;
    this.#limit = limitBytes;
  }

  /**
   * Throws: OutOfMemoryError saying what was asked, what is free and how large a piece would fit.
   */
  allocate(bytes: number, purpose: string): number {
    const size = align(Math.max(bytes, 1), ALIGNMENT);
    for (let k = 0; k < this.#free.length; k++) {
      const range = this.#free[k]!;
      if (range.end - range.start < size) continue;
      const address = range.start;
      range.start += size;
      if (range.start === range.end) this.#free.splice(k, 1);
      return this.#take(address, size);
    }
    const last = this.#free.at(-1);
    const start = last !== undefined && last.end === this.#end ? last.start : this.#end;
    if (start + size > this.#limit || !this.#grow(start + size)) this.#refuse(bytes, purpose);
    if (start !== this.#end) this.#free.pop();
    this.#end = start + size;
    return this.#take(start, size);
  }

  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) return;
    this.#sizes.delete(address);
    this.#used -= size;
    let at = this.#free.findIndex((range) => range.start > address);
    if (at < 0) at = this.#free.length;
    const before = this.#free[at - 1];
    const after = this.#free[at];
    const end = address + size;
    const joinsBefore = before !== undefined && before.end === address;
    const joinsAfter = after !== undefined && after.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      this.#free.splice(at, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = address;
    else this.#free.splice(at, 0, { start: address, end });
  }

  get usedBytes(): number {
    return this.#used;
  }

  get peakBytes(): number {
    return this.#peak;
  }

  get limitBytes(): number {
    return this.#limit;
  }

  #take(address: number, size: number): number {
    this.#sizes.set(address, size);
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return address;
  }

  #grow(end: number): boolean {
    const pages = Math.ceil(end / PAGE) - this.#memory.buffer.byteLength / PAGE;
    if (pages <= 0) return true;
    try {
      this.#memory.grow(pages);
      return true;
    } catch {
      return false;
    }
  }

  #refuse(bytes: number, purpose: string): never {
    const tail = this.#limit - this.#end;
    const largest = this.#free.reduce((most, range) => Math.max(most, range.end - range.start), Math.max(0, tail));
    const free = this.#free.reduce((sum, range) => sum + range.end - range.start, Math.max(0, tail));
    throw new OutOfMemoryError(
      `wasm: ${purpose} asks for ${inMegabytes(bytes)}; ${inMegabytes(free)} of ${inMegabytes(this.#limit)} are free, the largest piece is ${inMegabytes(largest)}. ` +
        `${whatFits(largest / bytes)}`,
      { requestedBytes: bytes, freeBytes: free, largestFreeBytes: largest, limitBytes: this.#limit, purpose },
    );
  }
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** `share`: how much of the piece that was asked for there is room for. */
function whatFits(share: number): string {
  const percent = Math.floor(100 * share);
  const size = percent >= 100 ? 'Less at once fits' : `About ${percent} % of it would fit`;
  return `${size}: use a smaller patch or batch, give up inner results with checkpoint(…) when training, or raise the device's memory limit (at most 4 GiB).`;
}
