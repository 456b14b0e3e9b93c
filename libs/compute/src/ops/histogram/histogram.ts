/**
 * How many values of every channel fall into each of equal bins, over the whole volume or where a mask is not 0.
 *
 * As numpy.histogram counts float32 data: a bin holds its lower edge and not its upper one, the last bin holds both; what lies
 * outside, and NaN, is not counted; equal bounds are moved apart by a half on either side. Edges are those of `histogramEdges`,
 * and values are compared with them, so that counts are exact and the same on every device. Where edges fall together, because
 * bins are narrower than float32 tells apart, the last of those bins holds the value.
 *
 * Shape: x f32 [C, z, y, x], mask u8 [1, z, y, x] -> i32 [C, bins].
 */
import { ShapeError } from '../../errors.ts';
import { defineOp } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectMask, expectVolume } from '../voxel-shape.ts';
import { reference } from './histogram.reference.ts';
import { wasm } from './histogram.wasm.ts';
import { webgpu } from './histogram.webgpu.ts';

export interface HistogramOptions {
  /** 1 … 65536. */
  readonly bins: number;
  /** Lower edge of the first bin, within the range of float32. */
  readonly low: number;
  /** Upper edge of the last bin, not below `low`, within the range of float32. */
  readonly high: number;
}

/** More bins than this are taken for a mistake: their edges and counts are kept per block of voxels. */
const MOST_BINS = 65536;

/** Throws ShapeError for bins or bounds that make no histogram. */
function expectBins({ bins, low, high }: HistogramOptions): void {
  if (!Number.isInteger(bins) || bins < 1 || bins > MOST_BINS)
    throw new ShapeError(`histogram: bins is a whole number from 1 to ${MOST_BINS}, came ${bins}.`, { bins });
  if (!(low <= high) || ![low, high].every((bound) => Number.isFinite(Math.fround(bound))))
    throw new ShapeError(
      `histogram: low and high are finite float32 numbers, low not above high, came ${low} and ${high}; the statistics of x have its minimum and maximum.`,
      { low, high },
    );
}

const masked = { shape: [1, 5, 6, 7], dtype: 'u8', fill: { integersBelow: 2 } } as const;

export const histogram = defineOp<{ x: Tensor; mask?: Tensor | undefined }, HistogramOptions>({
  name: 'histogram',
  // Bounds have no default: a histogram over a range that nobody asked for would be read as that of the values.
  defaults: { bins: 256, low: NaN, high: NaN },
  shape: ({ x, mask }, options) => {
    const space = expectVolume('histogram', 'x', x, 'f32');
    if (mask) expectMask('histogram', mask, space);
    expectBins(options);
    return { shape: [x.shape[0]!, options.bins], dtype: 'i32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    { name: 'two channels', inputs: { x: { shape: [2, 5, 6, 7] } }, options: { bins: 10, low: -2, high: 2 } },
    { name: 'masked', inputs: { x: { shape: [3, 5, 6, 7] }, mask: masked }, options: { bins: 7, low: -1, high: 3 } },
    {
      name: 'nothing selected',
      inputs: { x: { shape: [2, 2, 3, 4] }, mask: { shape: [1, 2, 3, 4], dtype: 'u8', fill: [0] } },
      options: { bins: 5, low: -1, high: 1 },
    },
    {
      name: 'on the edges, beside them and beyond, zeros of both signs, subnormal',
      inputs: {
        x: {
          shape: [1, 2, 3, 4],
          fill: [0, -0, 1e-42, -1e-42, 0.25, 0.24999999, 0.5, 0.75, 0.7500001, 1, 1.0000001, -1e-38],
        },
      },
      options: { bins: 4, low: 0, high: 1 },
    },
    {
      name: 'edges that are rounded',
      inputs: { x: { shape: [1, 1, 3, 11], fill: Array.from({ length: 33 }, (_, k) => 0.1 + k * 0.02) } },
      options: { bins: 30, low: 0.1, high: 0.7 },
    },
    {
      name: 'not a number, infinities, the greatest numbers',
      inputs: { x: { shape: [1, 1, 2, 4], fill: [NaN, Infinity, -Infinity, 3.4e38, -3.4e38, 0, 1, -1] } },
      options: { bins: 3, low: -3.4e38, high: 3.4e38 },
    },
    {
      name: 'equal values, equal bounds',
      inputs: { x: { shape: [2, 3, 3, 3], fill: [7] } },
      options: { bins: 4, low: 7, high: 7 },
    },
    {
      name: 'bins narrower than the numbers are dense',
      inputs: { x: { shape: [1, 1, 1, 5], fill: [16777216, 16777218, 16777220, 16777214, 16777222] } },
      options: { bins: 40, low: 16777216, high: 16777220 },
    },
    {
      name: 'a range of subnormal width',
      inputs: { x: { shape: [1, 1, 1, 5], fill: [0, 1e-45, 3e-45, 1e-44, -1e-45] } },
      options: { bins: 3, low: 0, high: 1e-44 },
    },
    {
      name: 'more bins than a workgroup holds',
      inputs: { x: { shape: [2, 7, 11, 13] } },
      options: { bins: 2500, low: -3, high: 3 },
    },
    {
      name: 'several blocks',
      inputs: { x: { shape: [1, 41, 41, 41] } },
      options: { bins: 5, low: -2.5, high: 2 },
    },
    { name: 'one voxel, one bin', inputs: { x: { shape: [1, 1, 1, 1] } }, options: { bins: 1, low: -9, high: 9 } },
  ],
  tolerance: { f32: 0 },
});
