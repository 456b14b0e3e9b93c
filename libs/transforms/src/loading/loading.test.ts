/** Prefetching in order with bounded memory, caches that notice damage, and no leak over ten thousand patches. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWasmDevice, Philox, type Device } from '@voxelwise/compute';
import { alignedGrid, type Case } from '@voxelwise/volume';
import { sequence } from '../compose/sequence.ts';
import { zScore } from '../intensity/range.ts';
import { nnunetAugmentation } from '../nnunet/augmentation/augmentation.ts';
import { orientation, spacing } from '../spatial/spacing.ts';
import { cache, type CacheStore } from './cache.ts';
import { prefetch } from './prefetch.ts';

let device: Device;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1 });
});
afterAll(() => device.dispose());

const turn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('prefetch', () => {
  it('gives results in order, the same for any number of makers', async () => {
    const make = async (index: number): Promise<number> => {
      await turn((index * 7) % 5);
      return new Philox(3).split(index).integer(0, 1000);
    };
    const collect = async (makers: number): Promise<number[]> => {
      const results: number[] = [];
      for await (const value of prefetch(
        30,
        Array.from({ length: makers }, () => make),
      ))
        results.push(value);
      return results;
    };
    expect(await collect(4)).toEqual(await collect(1));
  });
  it('holds no more than asked', async () => {
    let alive = 0;
    let most = 0;
    const make = async (): Promise<{ bytes: number }> => {
      most = Math.max(most, ++alive);
      await turn(0);
      return { bytes: 100 };
    };
    for await (const _ of prefetch(50, [make, make, make, make], {
      ahead: 20,
      maxBytes: 250,
      bytesOf: ({ bytes }) => bytes,
    })) {
      void _;
      alive--;
      await turn(1);
    }
    expect(most).toBeLessThanOrEqual(3 + 4);
  });
  it('stops early, and throws where the failure was', async () => {
    let made = 0;
    const make = async (index: number): Promise<number> => {
      made++;
      if (index === 5) throw new Error('five');
      return index;
    };
    for await (const value of prefetch(1000, [make], { ahead: 2 })) if (value === 2) break;
    expect(made).toBeLessThan(8);
    const seen: number[] = [];
    await expect(async () => {
      for await (const value of prefetch(10, [make, make])) seen.push(value);
    }).rejects.toThrow('five');
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    await expect(prefetch(1, []).next()).rejects.toThrow(/at least one maker/);
  });
});

describe('cache', () => {
  const subject = (seed: number): Case => {
    const rng = new Philox(seed);
    const grid = alignedGrid([6, 7, 8], [2, 1, 1]);
    return {
      id: 'a',
      images: {
        grid,
        kind: 'intensity',
        channels: ['CT'],
        voxels: Float32Array.from({ length: 336 }, () => rng.normal(5, 2)),
      },
      labels: {
        grid,
        kind: 'labels',
        channels: ['l'],
        voxels: Uint8Array.from({ length: 336 }, () => rng.integer(0, 3)),
      },
    };
  };
  const steps = sequence(orientation('RAS'), spacing({ spacingMm: [1, 1, 1] }), zScore());
  const settings = { steps, recipe: { orientation: 'RAS', spacing: 1, zScore: true } } as const;

  it('gives the same scene again, from memory and from a store', async () => {
    const disk = new Map<string, Uint8Array>();
    const store: CacheStore = {
      get: async (key) => disk.get(key),
      put: async (key, bytes) => void disk.set(key, bytes),
    };
    const first = cache({ ...settings, device, store }, new Philox(1));
    const made = await first.open(subject(1));
    const again = await first.open(subject(1));
    expect([first.hits, first.misses]).toEqual([1, 1]);
    expect(await again.images.voxels.read()).toEqual(await made.images.voxels.read());
    expect(again.history).toEqual(JSON.parse(JSON.stringify(made.history)));
    await first.open(subject(2));
    expect(first.misses).toBe(2);
    const second = cache({ ...settings, device, store }, new Philox(1));
    const stored = await second.open(subject(1));
    expect(second.hits).toBe(1);
    expect(await stored.labels!.voxels.read()).toEqual(await made.labels!.voxels.read());
    for (const bytes of disk.values()) bytes[bytes.length - 1]! ^= 1;
    const third = cache({ ...settings, device, store }, new Philox(1));
    expect(await (await third.open(subject(1))).images.voxels.read()).toEqual(await made.images.voxels.read());
    expect(third.misses).toBe(1);
  });
  it('keeps points, and knows cases apart by them', async () => {
    const kept = cache({ ...settings, device }, new Philox(1));
    const marked: Case = { ...subject(1), points: { tips: [[1, 2, 3]] } };
    await kept.open(marked);
    expect((await kept.open(marked)).points).toEqual({ tips: [[1, 2, 3]] });
    expect(kept.hits).toBe(1);
    expect((await kept.open(subject(1))).points).toBeUndefined();
  });
  it('stays within its bytes', async () => {
    const small = cache({ ...settings, device, maxBytes: 12_000 }, new Philox(1));
    for (let seed = 0; seed < 5; seed++) {
      const scene = await small.open(subject(seed));
      expect(small.bytes).toBeLessThanOrEqual(12_000);
      scene.images.voxels.dispose();
      scene.labels!.voxels.dispose();
    }
  });
});

describe('ten thousand patches', () => {
  it('leave no memory behind', async () => {
    const own = await createWasmDevice({ threads: 1 });
    const augmentation = nnunetAugmentation(
      { patch: [4, 6, 6], rotation: [0.5, 0.5, 0.5], mirrorAxes: [0, 1, 2] },
      own,
    );
    const cut = {
      shape: [6, 8, 8] as const,
      image: Float32Array.from({ length: 384 }, (_, v) => v % 13),
      labels: Int16Array.from({ length: 384 }, (_, v) => v % 3),
    };
    let after1000 = 0;
    let count = 0;
    for await (const patch of prefetch(10_000, [(index) => augmentation.apply(cut, new Philox(1).split(index))], {
      ahead: 4,
    })) {
      expect(patch.image.length).toBe(144);
      if (++count === 1000) after1000 = own.memory().bytes;
    }
    expect(own.memory().bytes).toBeLessThanOrEqual(after1000 * 1.1);
    own.dispose();
  }, 120_000);
});
