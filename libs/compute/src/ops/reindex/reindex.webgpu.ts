/** Lowering to one dispatch: tables of element offsets per output axis. */
import { f32, i32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/reindex.ts';
import { sizeOf, stridesOf } from '../../tensor/spec.ts';
import { axisTable } from './axis-table.ts';
import type { ReindexOptions } from './reindex.ts';
import { channelCut, slabCut } from '../volume-cuts.ts';

export const webgpu: WebGpuKernel<ReindexOptions> = {
  cuts: (call) => {
    const [z, y, x] = call.options.axes;
    const slabs = slabCut<ReindexOptions>(call, [], (begin, end) => ({
      axes: [{ ...z, size: end - begin, start: z.start + begin * z.step }, y, x],
    }));
    return z.rule === 'move' ? [channelCut(call), slabs] : [channelCut(call)];
  },
  lower: ({ inputs, outputs: [y], options: { axes, boundary, fill } }) => {
    const x = inputs['x']!;
    const from = x.shape.slice(1);
    const strides = stridesOf(from);
    const offsets = axes.flatMap((map) =>
      [...axisTable(map, from[map.axis]!, boundary)].map((index) => (index < 0 ? -1 : index * strides[map.axis]!)),
    );
    return [
      {
        shader,
        types: { VALUE: x.storage },
        bindings: [x, { table: offsets.map(i32) }, y!],
        uniforms: [
          ...[x.shape[0]!, sizeOf(from), ...axes.map((map) => map.size)].map(u32),
          x.dtype === 'f32' ? f32(fill) : i32(fill),
          u32(0),
          u32(0),
        ],
        workgroups: linearGroups(sizeOf(y!.shape), 64),
      },
    ];
  },
};
