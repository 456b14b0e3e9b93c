import { describe, expect, it } from 'vitest';
import { OutOfMemoryError } from '../../errors.ts';
import { Heap } from './heap.ts';

const MB = 2 ** 20;
const heap = (limit: number): { heap: Heap; memory: WebAssembly.Memory } => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  return { memory, heap: new Heap(memory, 65536, limit) };
};

describe('Heap', () => {
  it('gives back the room of large tensors whole, whatever small pieces stay', () => {
    const { heap: one, memory } = heap(256 * MB);
    const large: number[] = [];
    const small: number[] = [];
    for (let k = 0; k < 10; k++) {
      large.push(one.allocate(8 * MB, 'large'));
      small.push(one.allocate(5000, 'small'));
    }
    const size = memory.buffer.byteLength;
    for (const address of large) one.free(address);
    expect(one.fits(72 * MB)).toBe(true);
    one.allocate(72 * MB, 'as large as most of them together');
    expect(memory.buffer.byteLength).toBe(size);
    expect(one.usedBytes).toBe(72 * MB + 10 * 5056);
    for (const address of small) one.free(address);
    expect(one.usedBytes).toBe(72 * MB);
  });

  it('hands out ranges that do not overlap, and reuses them', () => {
    const { heap: one } = heap(64 * MB);
    const held = new Map<number, number>();
    let state = 7;
    for (let k = 0; k < 3000; k++) {
      state = (state * 48271) % 2147483647;
      const addresses = [...held.keys()];
      if (addresses.length > 40 || (state % 3 === 0 && addresses.length > 0)) {
        const gone = addresses[state % addresses.length]!;
        one.free(gone);
        held.delete(gone);
        continue;
      }
      const bytes = 1 + (state % (state % 7 === 0 ? MB : 3000));
      const address = one.allocate(bytes, 'a piece');
      for (const [other, length] of held) expect(address + bytes <= other || other + length <= address).toBe(true);
      held.set(address, bytes);
    }
    for (const address of held.keys()) one.free(address);
    expect(one.usedBytes).toBe(0);
  });

  it('refuses what passes its limit, and gives small pieces what room there is', () => {
    const { heap: one } = heap(MB);
    expect(() => one.allocate(2 * MB, 'too much')).toThrow(OutOfMemoryError);
    expect(one.allocate(1000, 'a piece')).toBeGreaterThanOrEqual(65536);
  });
});
