/** Counts of numpy.histogram (NumPy 1.24, float32 data), bad input. The conformance suite over the cases: ops/voxels.test.ts. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Device } from '../../devices/device.ts';
import { createReferenceDevice } from '../../devices/reference/reference-device.ts';
import { createWasmDevice } from '../../devices/wasm/wasm-device.ts';
import { tensor } from '../../tensor/tensor.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import { histogramEdges } from './edges.ts';
import { histogram } from './histogram.ts';

const gpu = await gpuForTests();
const devices: Device[] = [createReferenceDevice(), await createWasmDevice()];
if (gpu) devices.push(await webGpuForTests());
afterAll(() => devices.forEach((device) => device.dispose()));

const next = new Float32Array(1);
const word = new Int32Array(next.buffer);
/** The float32 number beside a positive one. */
function beside(value: number, way: 1 | -1): number {
  next[0] = value;
  word[0]! += way;
  return next[0];
}

/** np.histogram_bin_edges(np.zeros(1, np.float32), bins=7, range=(0.1, 0.7)). */
const EDGES = [
  0.10000000149011612, 0.18571428954601288, 0.27142858505249023, 0.3571428656578064, 0.44285714626312256,
  0.5285714268684387, 0.6142857074737549, 0.699999988079071,
];

describe.each(devices.map((device) => [device.name, device] as const))(
  'histogram as NumPy counts, on %s',
  (_, device) => {
    const space = [6, 7, 8] as const;
    // x = ((np.arange(672) * 7919 % 10007) / 1000 - 5).astype(np.float32).reshape(2, 6, 7, 8); mask = np.arange(336) % 3 != 0
    const values = Float32Array.from({ length: 672 }, (_, k) => ((k * 7919) % 10007) / 1000 - 5);
    const chosen = Uint8Array.from({ length: 336 }, (_, v) => (v % 3 === 0 ? 0 : 1));

    it('of two channels, whole and masked', async () => {
      const x = tensor(device, values, [2, ...space]);
      const mask = tensor(device, chosen, [1, ...space], 'u8');
      const options = { bins: 12, low: -3.3, high: 4.1 };
      // np.histogram(x[c], bins=12, range=(-3.3, 4.1)), then of x[c][mask].
      expect([...(await histogram({ x }, options).read())]).toEqual([
        ...[20, 21, 20, 22, 19, 22, 20, 21, 19, 23, 20, 20],
        ...[21, 21, 20, 21, 22, 19, 21, 21, 22, 18, 22, 20],
      ]);
      expect([...(await histogram({ x, mask }, options).read())]).toEqual([
        ...[12, 16, 12, 16, 11, 16, 12, 16, 11, 16, 12, 15],
        ...[13, 15, 12, 15, 14, 14, 13, 14, 14, 13, 14, 14],
      ]);
    });

    it('of every edge and the numbers on both sides of it', async () => {
      const around = [
        ...EDGES,
        ...EDGES.map((e) => beside(e, 1)),
        ...EDGES.map((e) => beside(e, -1)),
        EDGES[2]!,
        EDGES[3]!,
      ];
      const x = tensor(device, around, [1, 1, 2, 13]);
      expect([...(await histogram({ x }, { bins: 7, low: 0.1, high: 0.7 }).read())]).toEqual([3, 3, 4, 4, 3, 3, 4]);
    });

    it('of a constant image between equal bounds', async () => {
      const x = tensor(device, [7, 7, 7, 7, 7], [1, 1, 1, 5]);
      expect([...(await histogram({ x }, { bins: 4, low: 7, high: 7 }).read())]).toEqual([0, 0, 5, 0]);
    });
  },
);

it('edges are those of NumPy', () => {
  expect([...histogramEdges({ bins: 7, low: 0.1, high: 0.7 })]).toEqual(EDGES);
  expect([...histogramEdges({ bins: 4, low: 7, high: 7 })]).toEqual([6.5, 6.75, 7, 7.25, 7.5]);
});

it('refuses bins and bounds that make no histogram, and a mask of another size', () => {
  const [device] = devices;
  const x = tensor(device!, [1, 2, 3], [1, 1, 1, 3]);
  for (const bins of [0, -1, 2.5, NaN, 65537])
    expect(() => histogram({ x }, { bins, low: 0, high: 1 })).toThrow(
      `bins is a whole number from 1 to 65536, came ${bins}`,
    );
  for (const [low, high] of [
    [1, 0],
    [NaN, 1],
    [-Infinity, 1],
    [0, 1e39],
  ] as const)
    expect(() => histogram({ x }, { low, high })).toThrow(
      `low not above high, came ${low} and ${high}; the statistics`,
    );
  expect(() => histogram({ x })).toThrow(/came NaN and NaN/);
  const mask = tensor(device!, [1, 1], [1, 1, 1, 2], 'u8');
  expect(() => histogram({ x, mask }, { low: 0, high: 1 })).toThrow(/mask is \[1, 1, 1, 3\]/);
});
