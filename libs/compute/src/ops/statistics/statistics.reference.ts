/** Two passes: mean, then squared differences. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export const reference: ReferenceKernel<{ x: Tensor; mask?: Tensor | undefined }, object> = (
  { x, mask },
  _options,
  [y],
) => {
  const voxels = x.shape[1]! * x.shape[2]! * x.shape[3]!;
  for (let c = 0; c < x.shape[0]!; c++) {
    const values: number[] = [];
    for (let v = 0; v < voxels; v++) if (!mask || mask.data[v] !== 0) values.push(x.data[c * voxels + v]!);
    const n = values.length;
    if (n === 0) continue;
    const mean = values.reduce((a, b) => a + b, 0) / n;
    const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0);
    const least = values.reduce((a, b) => Math.min(a, b), Infinity);
    const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    y!.data.set([n, least, most, mean, Math.sqrt(squares / n), n > 1 ? Math.sqrt(squares / (n - 1)) : 0], c * 6);
  }
};
