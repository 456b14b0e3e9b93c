/** Memory that reading a packed file takes beside its voxels: bytes of buffers held at any read of the file. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Volume, VoxelArray } from '@voxelwise/volume';
import type { ByteSource } from '../bytes/byte-source.ts';
import { watchHeldBytes } from '../testing/held-bytes.ts';
import { encodeVolume, openSource } from '../volume-file.ts';

const [slices, rows, columns] = [64, 512, 512];
const plane = rows * columns;
const MOST_SHARE = 0.2;

let volume: Volume;
beforeAll(() => {
  const voxels = new Int16Array(slices * plane).map((_, i) => (i >> 7) ^ (i % 129));
  const affine = Float64Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0));
  volume = { grid: { shape: [slices, rows, columns], affine }, kind: 'intensity', channels: ['0'], voxels };
});

/** A file on disk as far as reading goes, that looks at the memory whenever it is read. */
function watched(bytes: Uint8Array, name: string): { readonly source: ByteSource; peak(): number } {
  const { look, most } = watchHeldBytes();
  const source: ByteSource = {
    name,
    size: bytes.length,
    read(offset, length) {
      look();
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
    fill(offset, target) {
      look();
      target.set(bytes.subarray(offset, offset + target.length));
      return Promise.resolve();
    },
  };
  return {
    source,
    peak() {
      look();
      return most();
    },
  };
}

/** The voxels themselves are seen, but for what was let go meanwhile, and little beside them. */
function expectBeside(peak: number, { byteLength }: VoxelArray): void {
  expect(peak).toBeGreaterThan(byteLength * (1 - MOST_SHARE));
  expect(peak).toBeLessThan(byteLength * (1 + MOST_SHARE));
}

/** `toEqual` would take gigabytes to compare these. */
const same = (a: VoxelArray, b: VoxelArray): boolean => a.length === b.length && a.every((v, i) => v === b[i]);

describe('memory beside the voxels', () => {
  it.each(['.nii.gz', '.nrrd', '.mha'])('%s, whole and half of its slices', async (ending) => {
    const bytes = await encodeVolume(volume, ending);
    const whole = watched(bytes, `image${ending}`);
    const { voxels } = await (await openSource(whole.source)).read();
    expect(same(voxels, volume.voxels)).toBe(true);
    expectBeside(whole.peak(), voxels);

    const [from, to] = [slices / 4, (3 * slices) / 4];
    const half = watched(bytes, `image${ending}`);
    const slab = await (await openSource(half.source)).readSlab([from, to]);
    expect(same(slab.voxels, volume.voxels.subarray(from * plane, to * plane))).toBe(true);
    expectBeside(half.peak(), slab.voxels);
  });
});
