/** Counts of fixed blocks of voxels, then their sums. */
import { doubles, float, int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { histogramEdges } from './edges.ts';
import type { HistogramOptions } from './histogram.ts';

/** Threads that share one channel at most; each block has a table of counts. */
const MOST_BLOCKS = 16;
/** Voxels in a block at least. */
const LEAST_BLOCK = 65536;

export const wasm: WasmKernel<HistogramOptions> = {
  lower: ({ inputs, outputs: [counts], options, scratch }) => {
    const x = inputs['x']!;
    const mask = inputs['mask'];
    const { bins } = options;
    const channels = x.shape[0]!;
    const voxels = sizeOf(x.shape.slice(1));
    const block = Math.max(LEAST_BLOCK, Math.ceil(voxels / MOST_BLOCKS));
    const blocks = Math.ceil(voxels / block);
    const edges = histogramEdges(options);
    // Edges that all fall together have no width to divide by: the search starts at the first bin.
    const scale = bins / (edges[bins]! - edges[0]!);
    // Past the last bin nothing follows: what equals its upper edge stays in it.
    const words = [...edges.subarray(0, bins), Infinity, edges[bins]!].map(float);
    const tables = scratchPointer(scratch(channels * blocks * bins * 4));
    return [
      {
        kernel: 'histogram_blocks',
        args: [
          pointer(x),
          mask ? pointer(mask) : int(0),
          tables,
          { words },
          doubles([Number.isFinite(scale) ? scale : 0]),
          ...[channels, voxels, bins, block].map(int),
        ],
      },
      { kernel: 'histogram_total', args: [tables, pointer(counts!), int(channels), int(blocks), int(bins)] },
    ];
  },
};
