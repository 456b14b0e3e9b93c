/** The definition of right: each value is held against the edges of every bin. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { histogramEdges } from './edges.ts';
import type { HistogramOptions } from './histogram.ts';

export const reference: ReferenceKernel<{ x: Tensor; mask?: Tensor | undefined }, HistogramOptions> = (
  { x, mask },
  options,
  [counts],
) => {
  const { bins } = options;
  const edges = histogramEdges(options);
  const voxels = x.data.length / x.shape[0]!;
  for (let k = 0; k < x.data.length; k++) {
    if (mask && mask.data[k % voxels] === 0) continue;
    const value = x.data[k]!;
    for (let bin = 0; bin < bins; bin++) {
      const below = bin === bins - 1 ? value <= edges[bins]! : value < edges[bin + 1]!;
      if (value >= edges[bin]! && below) counts!.data[Math.floor(k / voxels) * bins + bin]!++;
    }
  }
};
