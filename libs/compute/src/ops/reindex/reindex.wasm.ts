/** Tables of element offsets per output axis; runs of neighbors along x are copied as wholes. */
import {
  float,
  int,
  pointer,
  type KernelArgument,
  type KernelCall,
  type WasmKernel,
} from '../../devices/wasm/kernel.ts';
import { stridesOf } from '../../tensor/spec.ts';
import { axisTable } from './axis-table.ts';
import type { AxisMap, Boundary, ReindexOptions } from './reindex.ts';

export const wasm: WasmKernel<ReindexOptions> = {
  lower: ({ inputs, outputs: [y], options: { axes, boundary, fill } }) => {
    const x = inputs['x']!;
    const value = x.dtype === 'f32' ? float(fill) : int(fill);
    return [
      reindexCall(
        x.dtype === 'u8' ? 1 : 4,
        pointer(x),
        pointer(y!),
        x.shape[0]!,
        x.shape.slice(1),
        axes,
        boundary,
        value,
      ),
    ];
  },
};

/** One pass over `channels` volumes of shape `from`. */
export function reindexCall(
  bytes: 1 | 4,
  x: KernelArgument,
  y: KernelArgument,
  channels: number,
  from: readonly number[],
  axes: readonly AxisMap[],
  boundary: Boundary,
  fill: KernelArgument,
): KernelCall {
  const strides = stridesOf(from);
  const tables = axes.map((map) =>
    axisTable(map, from[map.axis]!, boundary).map((index) => (index < 0 ? -1 : index * strides[map.axis]!)),
  );
  const along = tables[2]!;
  let start = 0;
  while (start < along.length && along[start]! < 0) start++;
  let end = Math.min(start + 1, along.length);
  while (end < along.length && along[end]! === along[end - 1]! + 1) end++;
  return {
    kernel: bytes === 1 ? 'reindex_u8' : 'reindex_32',
    args: [
      x,
      y,
      int(channels),
      int(from[0]! * from[1]! * from[2]!),
      ...axes.map((map) => int(map.size)),
      ...tables.map((table) => ({ words: [...table].map(int) })),
      int(start),
      int(end),
      fill,
    ],
  };
}

/** A permutation of one f32 or i32 volume: output axis k is input axis order[k]. */
export function permuteCall(
  x: KernelArgument,
  y: KernelArgument,
  from: readonly number[],
  order: readonly number[],
): KernelCall {
  const axes = order.map((axis) => ({
    axis: axis as 0 | 1 | 2,
    size: from[axis]!,
    rule: 'move' as const,
    start: 0,
    step: 1,
  }));
  return reindexCall(4, x, y, 1, from, axes, 'constant', int(0));
}
