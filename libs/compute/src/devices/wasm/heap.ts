/**
 * Memory inside one growing WebAssembly memory: first fit over sorted free lists, 64-byte aligned. Small pieces live together in
 * regions of their own: arguments of programs stay for long, and would cut up the room that large tensors come and go in.
 */
import { OutOfMemoryError } from '../../errors.ts';
import { align } from '../../graph/arena.ts';

const PAGE = 65536;
export const ALIGNMENT = 64;
/** Small pieces live in regions of this size; less where the limit is low. */
const SMALL_REGION = 2 ** 22;
/** Of the limit, what a region takes at most. */
const REGION_SHARE = 1 / 64;
/** Of a region, what a small piece takes at most. */
const SMALL_SHARE = 1 / 16;

export class Heap {
  readonly #memory: WebAssembly.Memory;
  readonly #limit: number;
  readonly #free = new FreeList();
  readonly #small = new FreeList();
  readonly #sizes = new Map<number, number>();
  readonly #smallRegions: number[] = [];
  readonly #regionBytes: number;
  #end: number;
  #used = 0;
  #peak = 0;

  /** `start`: first address that is ours; `limitBytes`: the memory never grows past it. */
  constructor(memory: WebAssembly.Memory, start: number, limitBytes: number) {
    this.#memory = memory;
    this.#end = start;
    this.#limit = limitBytes;
    this.#regionBytes = Math.min(SMALL_REGION, align(limitBytes * REGION_SHARE, ALIGNMENT));
  }

  /** Whether there is room for this many bytes without growing the memory. */
  fits(bytes: number): boolean {
    return this.#free.largest() >= align(Math.max(bytes, 1), ALIGNMENT);
  }

  /**
   * Throws: OutOfMemoryError saying what was asked, what is free and how large a piece would fit.
   */
  allocate(bytes: number, purpose: string): number {
    const size = align(Math.max(bytes, 1), ALIGNMENT);
    const address =
      (size <= this.#regionBytes * SMALL_SHARE ? this.#allocateSmall(size) : undefined) ?? this.#allocate(size);
    if (address === undefined) this.#refuse(bytes, purpose);
    this.#sizes.set(address, size);
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return address;
  }

  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) return;
    this.#sizes.delete(address);
    this.#used -= size;
    const small = this.#smallRegions.some((start) => address >= start && address < start + this.#regionBytes);
    (small ? this.#small : this.#free).give(address, address + size);
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

  #allocateSmall(size: number): number | undefined {
    const there = this.#small.take(size);
    if (there !== undefined) return there;
    const region = this.#allocate(this.#regionBytes);
    if (region === undefined) return undefined;
    this.#smallRegions.push(region);
    this.#small.give(region, region + this.#regionBytes);
    return this.#small.take(size);
  }

  #allocate(size: number): number | undefined {
    const there = this.#free.take(size);
    if (there !== undefined) return there;
    const start = this.#free.startOfLast(this.#end) ?? this.#end;
    if (start + size > this.#limit || !this.#grow(start + size)) return undefined;
    if (start !== this.#end) this.#free.dropLast();
    this.#end = start + size;
    return start;
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
    const largest = Math.max(0, tail, this.#free.largest());
    const free = Math.max(0, tail) + this.#free.total();
    throw new OutOfMemoryError(
      `wasm: ${purpose} asks for ${inMegabytes(bytes)}; ${inMegabytes(free)} of ${inMegabytes(this.#limit)} are free, the largest piece is ${inMegabytes(largest)}. ` +
        `${whatFits(largest / bytes)}`,
      { requestedBytes: bytes, freeBytes: free, largestFreeBytes: largest, limitBytes: this.#limit, purpose },
    );
  }
}

/** Free ranges by address, neighbors joined. */
class FreeList {
  readonly #ranges: { start: number; end: number }[] = [];

  take(size: number): number | undefined {
    const at = this.#ranges.findIndex((range) => range.end - range.start >= size);
    if (at < 0) return undefined;
    const range = this.#ranges[at]!;
    const address = range.start;
    range.start += size;
    if (range.start === range.end) this.#ranges.splice(at, 1);
    return address;
  }

  give(start: number, end: number): void {
    let at = this.#ranges.findIndex((range) => range.start > start);
    if (at < 0) at = this.#ranges.length;
    const before = this.#ranges[at - 1];
    const after = this.#ranges[at];
    const joinsBefore = before !== undefined && before.end === start;
    const joinsAfter = after !== undefined && after.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      this.#ranges.splice(at, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = start;
    else this.#ranges.splice(at, 0, { start, end });
  }

  largest(): number {
    return this.#ranges.reduce((most, { start, end }) => Math.max(most, end - start), 0);
  }

  total(): number {
    return this.#ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** Where the last range begins, if it reaches up to `end`. */
  startOfLast(end: number): number | undefined {
    const last = this.#ranges.at(-1);
    return last !== undefined && last.end === end ? last.start : undefined;
  }

  dropLast(): void {
    this.#ranges.pop();
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
