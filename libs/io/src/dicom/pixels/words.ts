/**
 * 16-bit pixels, as most are, at the speed of memory: the loops of words.as.ts over one frame at a time in a memory of their own.
 * What they cannot take, or find damaged, goes the plain way.
 */
import type { VoxelArray } from '@voxelwise/volume';
import { bytesOfBase64 } from '../../bytes/base64.ts';
import code from '../../generated/words.ts';

interface Kernels {
  readonly memory: WebAssembly.Memory;
  settleSigned(at: number, count: number, up: number, down: number, intercept: number): number;
  settleUnsigned(at: number, count: number, up: number, down: number, intercept: number): number;
  maskUnsigned(at: number, count: number, up: number, down: number, intercept: number): number;
  unpack(from: number, end: number, to: number, count: number): number;
  interleave(high: number, low: number, to: number, count: number): void;
}

/** Room that the kernels may read or write beyond what they are given. */
const SLACK = 256;
const PAGE = 65536;
/** Larger frames go the plain way. */
export const MOST_WORDS = 2 ** 28;

let module: WebAssembly.Module | undefined;
let started: Kernels | undefined;

/** Kernels with a memory of their own. */
function start(): Kernels {
  module ??= new WebAssembly.Module(bytesOfBase64(code));
  return new WebAssembly.Instance(module).exports as unknown as Kernels;
}

function withRoom(kernels: Kernels, bytes: number): Kernels {
  const missing = bytes - kernels.memory.buffer.byteLength;
  if (missing > 0) kernels.memory.grow(Math.ceil(missing / PAGE));
  return kernels;
}

const kernels = (bytes: number): Kernels => withRoom((started ??= start()), bytes);

/** Memory for `words` words, to be filled and then given to `settleInto`. It lasts until the next call of anything here. */
export function wordsRoom(words: number): Uint8Array {
  return new Uint8Array(kernels(words * 2 + SLACK).memory.buffer, 0, words * 2);
}

export interface WordBits {
  /** Of the stored value; without a sign it counts from 0. */
  readonly signed: boolean;
  /** Bits above and bits outside the stored value. */
  readonly above: number;
  readonly unused: number;
  readonly intercept: number;
}

/** Whether an intercept can be added here: a whole number whose sum with 16 bits does not leave 32. */
export function isWordShift(intercept: number): boolean {
  return Number.isInteger(intercept) && Math.abs(intercept) <= 2 ** 30;
}

/** Brings the words that lie in the kernels' memory where `words` are into values. False when one does not fit. */
function settle(run: Kernels, at: number, words: Int16Array | Uint16Array, bits: WordBits): boolean {
  const { signed, above, unused, intercept } = bits;
  const kernel = words instanceof Uint16Array ? 'maskUnsigned' : signed ? 'settleSigned' : 'settleUnsigned';
  return run[kernel](at, words.length, above, unused, intercept) === 0;
}

/** The values of the words in `wordsRoom`, brought into `target`. False when one does not fit; `target` is untouched then. */
export function settleInto(target: Int16Array | Uint16Array, bits: WordBits): boolean {
  const run = kernels(0);
  if (!settle(run, 0, target, bits)) return false;
  target.set(new (target.constructor as Int16ArrayConstructor)(run.memory.buffer, 0, target.length));
  return true;
}

/** Words that are brought into values where they lie: for what is read, settled and handed on. */
export class WordMemory {
  private readonly kernels: Kernels;
  private readonly count: number;
  /** Throws: RangeError for more than `MOST_WORDS`. */
  constructor(count: number) {
    if (count > MOST_WORDS) throw new RangeError(`${count} words`);
    this.kernels = withRoom(start(), count * 2 + SLACK);
    this.count = count;
  }

  /** All words. They last as long as this. */
  words<T extends Int16Array | Uint16Array>(kind: new (buffer: ArrayBuffer, offset: number, length: number) => T): T {
    return new kind(this.kernels.memory.buffer as ArrayBuffer, 0, this.count);
  }

  holds(words: VoxelArray): words is Int16Array | Uint16Array {
    return words.buffer === this.kernels.memory.buffer;
  }

  /** Brings words of this memory into values. False when one does not fit. */
  settle(words: Int16Array | Uint16Array, bits: WordBits): boolean {
    return settle(this.kernels, words.byteOffset, words, bits);
  }
}

/** Unpacks two RLE segments, high bytes and low bytes, to `words`. False when they are too short or damaged. */
export function unpackWords(
  packed: Uint8Array,
  segments: readonly (readonly [number, number])[],
  words: Int16Array | Uint16Array,
): boolean {
  const count = words.length;
  if (count + packed.length > MOST_WORDS) return false;
  // Words, high bytes, low bytes, packed bytes.
  const high = 2 * count + SLACK;
  const low = high + count + SLACK;
  const from = low + count + SLACK;
  const { memory, unpack, interleave } = kernels(from + packed.length + SLACK);
  new Uint8Array(memory.buffer, from, packed.length).set(packed);
  for (const [[start, end], to] of [
    [segments[0]!, high],
    [segments[1]!, low],
  ] as const)
    if (unpack(from + start, from + end, to, count) === 0) return false;
  interleave(high, low, 0, count);
  words.set(new (words.constructor as Int16ArrayConstructor)(memory.buffer, 0, count));
  return true;
}
