/**
 * Low resolution per channel: nearest down to a coarser shape (index floor((i + 0.5) · n / m), or floor(i · n / m)), linear up again (pixel edges
 * aligned, clamped). Channels with null come back unchanged.
 *
 * Shape: f32 [C, z, y, x] -> the same. Source: batchgeneratorsv2's low-resolution simulation.
 */
import { defineOp } from '../../op/op.ts';
import { float, int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { axisTable } from '../reindex/axis-table.ts';
import { reindexCall } from '../reindex/reindex.wasm.ts';
import type { AxisMap } from '../reindex/reindex.ts';
import { linearWeights } from './linear-weights.ts';
import { expectSpace, expectVolume, type Space } from '../voxel-shape.ts';
import { webgpu } from './low-resolution.webgpu.ts';

export interface LowResolutionOptions {
  /** The coarse shape per channel; null: leave the channel. */
  readonly shapes: readonly (Space | null)[];
  readonly rule: 'nearest' | 'floor';
}

const nearestMaps = (shape: Space, rule: 'nearest' | 'floor'): [AxisMap, AxisMap, AxisMap] =>
  shape.map((size, axis) => ({ axis, size, rule, start: 0, step: 1 })) as unknown as [AxisMap, AxisMap, AxisMap];

const reference: ReferenceKernel<{ x: Tensor }, LowResolutionOptions> = ({ x }, { shapes, rule }, [y]) => {
  const space = x.shape.slice(1) as [number, number, number];
  const [nz, ny, nx] = space;
  const voxels = nz * ny * nx;
  shapes.forEach((shape, c) => {
    if (shape === null) return y!.data.set(x.data.subarray(c * voxels, (c + 1) * voxels), c * voxels);
    const tables = nearestMaps(shape, rule).map((map, axis) => axisTable(map, space[axis]!, 'edge'));
    const weights = shape.map((m, axis) => linearWeights(m, space[axis]!));
    for (let v = 0; v < voxels; v++) {
      const o = [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx];
      let sum = 0;
      for (let k = 0; k < 8; k++) {
        let weight = 1;
        const index = o.map((i, axis) => {
          const upper = (k >> (2 - axis)) & 1;
          const { low, weight: w } = weights[axis]!;
          weight *= upper ? w[i]! : 1 - w[i]!;
          return tables[axis]![Math.min(shape[axis]! - 1, low[i]! + upper)]!;
        });
        if (weight !== 0) sum += weight * x.data[c * voxels + (index[0]! * ny + index[1]!) * nx + index[2]!]!;
      }
      y!.data[c * voxels + v] = sum;
    }
  });
};

const wasm: WasmKernel<LowResolutionOptions> = {
  lower: ({ inputs: { x }, outputs: [y], options: { shapes, rule }, threads, scratch }) => {
    const space = x!.shape.slice(1) as [number, number, number];
    const voxels = space[0] * space[1] * space[2];
    const most = Math.max(1, ...shapes.map((shape) => (shape ? shape[0] * shape[1] * shape[2] : 1)));
    const coarse = scratch(most * 4 + 16);
    const perPart = Math.max(
      1,
      ...shapes.map((shape) => (shape ? shape[1] * shape[2] * 4 + shape[1] * (space[2] + 4) * 4 + 32 : 1)),
    );
    const work = scratch(perPart * threads);
    return shapes.flatMap((shape, c) => {
      if (shape === null)
        return [{ kernel: 'blur_copy', args: [pointer(x!, c * voxels * 4), pointer(y!, c * voxels * 4), int(voxels)] }];
      const tables = shape.flatMap((m, axis) => {
        const { low, weight } = linearWeights(m, space[axis]!);
        return [{ words: [...low].map(int) }, { words: [...weight].map(float) }];
      });
      return [
        reindexCall(
          4,
          pointer(x!, c * voxels * 4),
          scratchPointer(coarse),
          1,
          space,
          nearestMaps(shape, rule),
          'edge',
          float(0),
        ),
        {
          kernel: 'expand_linear',
          args: [
            scratchPointer(coarse),
            pointer(y!, c * voxels * 4),
            scratchPointer(work),
            int(perPart),
            ...shape.map(int),
            ...space.map(int),
            ...tables,
          ],
        },
      ];
    });
  },
};

export const lowResolution = defineOp<{ x: Tensor }, LowResolutionOptions>({
  name: 'lowResolution',
  defaults: { shapes: [], rule: 'nearest' },
  shape: ({ x }, { shapes }) => {
    expectVolume('lowResolution', 'x', x, 'f32');
    if (shapes.length !== x.shape[0])
      throw new ShapeError(
        `lowResolution: expects one shape or null per channel, ${x.shape[0]} channels, came ${shapes.length}.`,
        { shapes },
      );
    for (const shape of shapes) if (shape) expectSpace('lowResolution', 'shape', shape);
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'one of two',
      inputs: { x: { shape: [2, 9, 10, 13] } },
      options: { shapes: [[5, 5, 7], null] },
      gradient: false,
    },
    { name: 'in plane', inputs: { x: { shape: [1, 4, 10, 13] } }, options: { shapes: [[4, 6, 8]] }, gradient: false },
    { name: 'to one voxel', inputs: { x: { shape: [1, 4, 5, 6] } }, options: { shapes: [[1, 1, 1]] }, gradient: false },
  ],
  tolerance: { f32: 1e-6 },
});
