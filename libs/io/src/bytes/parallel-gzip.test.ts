import { gunzipSync } from 'node:zlib';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { collect, inSteps } from './collect.ts';
import { parallelGzip } from './parallel-gzip.ts';

const noise = (n: number): Uint8Array => {
  const bytes = new Uint8Array(n);
  for (let i = 0, s = 1; i < n; i++) bytes[i] = (s = (Math.imul(s, 1664525) + 1013904223) | 0) >>> 28;
  return bytes;
};

describe('parallelGzip', () => {
  it.each([0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_001])(
    'packs %d bytes as one member that unpacks to the same',
    async (n) => {
      const bytes = noise(n);
      for (const step of [1 << 16, 3_000_000]) {
        const packed = await collect(parallelGzip(inSteps(bytes, step), 1, zlib));
        expect(Buffer.compare(gunzipSync(packed), bytes)).toBe(0);
        expect(Buffer.compare(await collect(parallelGzip(inSteps(bytes, step), 1, zlib)), packed)).toBe(0);
      }
    },
  );
  it('costs next to no size against one thread', async () => {
    const bytes = noise(4_000_000);
    const packed = await collect(parallelGzip(inSteps(bytes), 6, zlib));
    expect(packed.length).toBeLessThan(1.01 * zlib.gzipSync(bytes, { level: 6 }).length);
  });
  it('passes on what its source throws', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield noise(3 << 20);
      throw new Error('disk is gone');
    }
    await expect(collect(parallelGzip(broken(), 1, zlib))).rejects.toThrow('disk is gone');
  });
});
