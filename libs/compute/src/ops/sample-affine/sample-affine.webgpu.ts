/** Lowering to one dispatch; the matrix becomes fixed-point numbers with as many bits as its positions leave. */
import { f32, i32, linearGroups, u32, type GpuWord, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import { ShapeError } from '../../errors.ts';
import shader from '../../generated/wgsl/sample-affine.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { PADDINGS } from './choices.ts';
import type { SampleAffineOptions } from './sample-affine.ts';
import { channelCut, slabCut } from '../volume-cuts.ts';

export const webgpu: WebGpuKernel<SampleAffineOptions> = {
  cuts: (call) => {
    const { shape, matrix } = call.options;
    return [
      channelCut(call),
      slabCut<SampleAffineOptions>(call, ['displacement'], (begin, end) => ({
        shape: [end - begin, shape[1], shape[2]],
        matrix: matrix.map((value, k) => (k % 4 === 3 ? value + begin * matrix[k - 3]! : value)),
      })),
    ];
  },
  lower: ({ inputs, outputs: [y], options }) => {
    const x = inputs['x']!;
    const { shape, matrix, interpolation, padding, fill, margin } = options;
    const bounds = options.bounds ?? [0, 0, 0, ...x.shape.slice(1).map((n) => n - 1)];
    const bits = fractionBits(matrix, shape);
    return [
      {
        shader,
        entryPoint: x.dtype === 'i32' && interpolation === 'linear' ? 'labels' : interpolation,
        types: { X: x.storage },
        constants: { PADDING: PADDINGS.indexOf(padding), DISPLACED: inputs['displacement'] !== undefined },
        bindings: [x, inputs['displacement'] ?? { table: [f32(0)] }, y!],
        uniforms: [
          ...x.shape.map(i32),
          ...[...shape, bits].map(u32),
          x.dtype === 'f32' ? f32(fill) : i32(fill),
          ...margin.map(i32),
          ...matrix.flatMap((value, k) => fixedPoint(value, bits, k % 4 === 3 ? HALF_UNIT : 0)),
          ...[0, 4, 8].flatMap((row) => [...matrix.slice(row, row + 3), 0].map(f32)),
          ...bounds.flatMap((bound) => fixedPoint(bound, 32).reverse()),
        ],
        workgroups: linearGroups(sizeOf(shape), 64),
      },
    ];
  },
};

/** Bits behind the point, so that no position on the way overflows 64. */
function fractionBits(matrix: readonly number[], shape: readonly number[]): number {
  const farthest = [0, 4, 8].map(
    (row) => shape.reduce((sum, n, axis) => sum + Math.abs(matrix[row + axis]!) * n, 0) + Math.abs(matrix[row + 3]!),
  );
  const bits = Math.min(46, 61 - Math.ceil(Math.log2(Math.max(1, ...farthest))));
  if (bits < 33)
    throw new ShapeError(
      `sampleAffine: on webgpu positions stay within 2^28 voxels, the matrix [${matrix.join(', ')}] leads farther; check its units.`,
      { matrix },
    );
  return bits;
}

/** Positions are rounded to 2^-28: the shader cuts off what is finer. */
const HALF_UNIT = 2 ** -29;

/** The low and the high word of (value + more) · 2^bits. */
function fixedPoint(value: number, bits: number, more = 0): GpuWord[] {
  const fixed = BigInt.asUintN(64, BigInt(Math.round(value * 2 ** bits)) + BigInt(Math.round(more * 2 ** bits)));
  return [u32(Number(fixed & 0xffffffffn)), u32(Number(fixed >> 32n))];
}
