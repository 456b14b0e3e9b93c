/** One table per axis, one voxel at a time. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { axisTable } from './axis-table.ts';
import type { ReindexOptions } from './reindex.ts';

export const reference: ReferenceKernel<{ x: Tensor }, ReindexOptions> = ({ x }, { axes, boundary, fill }, [y]) => {
  const space = x.shape.slice(1);
  const voxels = space[0]! * space[1]! * space[2]!;
  const strides = [space[1]! * space[2]!, space[2]!, 1];
  const tables = axes.map((map) => axisTable(map, space[map.axis]!, boundary));
  let at = 0;
  for (let c = 0; c < x.shape[0]!; c++)
    for (const i of tables[0]!)
      for (const j of tables[1]!)
        for (const k of tables[2]!)
          y!.data[at++] =
            i < 0 || j < 0 || k < 0
              ? fill
              : x.data[
                  c * voxels + i * strides[axes[0].axis]! + j * strides[axes[1].axis]! + k * strides[axes[2].axis]!
                ]!;
};
