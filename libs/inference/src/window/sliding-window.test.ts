import { createReferenceDevice, sub, type Tensor } from '@voxelwise/compute';
import type { Module } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';
import { describe, expect, it } from 'vitest';
import { slidingWindow, subsets } from './sliding-window.ts';
import type { HostImage } from './voxel-box.ts';

const device = createReferenceDevice();

function ramp(shape: PerAxis, channels = 1): HostImage {
  const size = shape[0] * shape[1] * shape[2];
  return {
    channels,
    shape,
    data: Float32Array.from({ length: channels * size }, (_, k) => Math.sin(k * 0.7) * 3 + k / size),
  };
}

/** Says what it sees, and how often it was asked. */
function echo(): Module & { calls: (readonly number[])[] } {
  const calls: (readonly number[])[] = [];
  return { calls, forward: (x: Tensor) => (calls.push(x.shape), x) };
}

describe('slidingWindow', () => {
  it.each([
    ['larger than the patch', [13, 9, 11], [6, 5, 4]],
    ['smaller than the patch on two axes', [3, 9, 4], [6, 5, 8]],
    ['the patch itself', [4, 4, 4], [4, 4, 4]],
    ['one voxel', [1, 1, 1], [4, 4, 4]],
  ] as [string, PerAxis, PerAxis][])(
    'puts back what the network says, mirrored or not: %s',
    async (_, shape, patch) => {
      for (const mirrorAxes of [[], [2], [0, 1, 2]]) {
        const image = ramp(shape, 2);
        const found = await slidingWindow([echo()], image, {
          device,
          patch,
          flat: false,
          outputChannels: 2,
          mirrorAxes,
        });
        expect(found.shape).toEqual(shape);
        found.data.forEach((value, k) => expect(value).toBeCloseTo(image.data[k]!, 4));
      }
    },
  );

  it('feeds slices to a 2D network, each once, eight at a time', async () => {
    const network = echo();
    const image = ramp([10, 6, 5]);
    const found = await slidingWindow([network], image, { device, patch: [1, 8, 8], flat: true, outputChannels: 1 });
    expect(network.calls).toEqual([
      [8, 1, 8, 8],
      [2, 1, 8, 8],
    ]);
    found.data.forEach((value, k) => expect(value).toBeCloseTo(image.data[k]!, 4));
  });

  it('averages folds', async () => {
    const image = ramp([4, 4, 4]);
    const two: Module = { forward: (x) => x };
    const silent: Module = { forward: (x) => sub({ a: x, b: x }) };
    const found = await slidingWindow([two, silent], image, {
      device,
      patch: [4, 4, 4],
      flat: false,
      outputChannels: 1,
    });
    found.data.forEach((value, k) => expect(value).toBeCloseTo(image.data[k]! / 2, 5));
  });

  it('counts its passes, and stops when told to', async () => {
    const seen: number[] = [];
    await slidingWindow([echo()], ramp([8, 4, 4]), {
      device,
      patch: [4, 4, 4],
      flat: false,
      outputChannels: 1,
      mirrorAxes: [0],
      onProgress: (done, total) => seen.push(done / total),
    });
    expect(seen).toEqual([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1]);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(
      slidingWindow([echo()], ramp([4, 4, 4]), { device, patch: [4, 4, 4], flat: false, outputChannels: 1, signal }),
    ).rejects.toThrow('enough');
  });
});

it('lists all combinations of axes', () => {
  expect(subsets([0, 2])).toEqual([[], [0], [2], [0, 2]]);
});
