/** Transposed convolution in 2D and 3D, as PyTorch's conv_transpose2d and conv_transpose3d. */
import { ShapeError } from '../../errors.ts';
import { defineOp, type OpCase } from '../../op/op.ts';
import type { Shape } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { requireBias } from '../conv/conv.ts';
import { referenceInputGradient } from '../conv/conv.reference.ts';
import { imageLayout, lowerProduct } from '../conv/conv.wasm.ts';
import {
  convGeometry,
  multiplyAdds,
  perAxis,
  requireImage,
  type ConvGeometry,
  type ConvOptions,
} from '../conv/geometry.ts';
import { lowerGpuProduct, tileVariants } from '../conv/conv.webgpu.ts';
import { convTransposeCuts } from '../conv/cuts.ts';

export interface ConvTransposeOptions extends ConvOptions {
  /** Rows added to one side of the output, where the stride leaves its size open: below the stride. */
  readonly outputPadding: number | readonly number[];
}

/** The convolution whose input gradient this is: from the output's size back to x's. */
export function transposeGeometry(x: Shape, weight: Shape, options: ConvTransposeOptions): ConvGeometry {
  const axes = x.length - 2;
  if (weight[0] !== x[1] || weight.length !== x.length)
    throw new ShapeError(
      `convTranspose: weight is [inputs, outputs, kernel…] with as many inputs and axes as x has channels and axes; x is [${x.join(', ')}], weight is [${weight.join(', ')}].`,
      { op: 'convTranspose', x, weight },
    );
  const stride = perAxis('convTranspose', 'stride', options.stride, axes, 1);
  const padding = perAxis('convTranspose', 'padding', options.padding, axes, 0);
  const extra = perAxis('convTranspose', 'outputPadding', options.outputPadding, axes, 0);
  if (extra.some((n, axis) => n >= stride[axis]!))
    throw new ShapeError(
      `convTranspose: outputPadding [${extra.join(', ')}] must be below the stride [${stride.join(', ')}].`,
      { op: 'convTranspose', outputPadding: extra, stride },
    );
  const output = stride.map(
    (s, axis) => (x[axis + 2]! - 1) * s - 2 * padding[axis]! + weight[axis + 2]! + extra[axis]!,
  );
  return convGeometry('convTranspose', [x[0]!, weight[1]!, ...output], weight, { stride, padding });
}

/**
 * y = bias + the adjoint of a convolution with the same weight, stride and padding.
 * x [N, inputs, (z,) y, x], weight [inputs, outputs, (kz,) ky, kx], bias [outputs]; y [N, outputs, …] with sizes
 * (size - 1) stride - 2 padding + kernel + outputPadding.
 *
 * Throws: ShapeError, DTypeError.
 */
export const convTranspose = defineOp<{ x: Tensor; weight: Tensor; bias?: Tensor | undefined }, ConvTransposeOptions>({
  name: 'convTranspose',
  defaults: { stride: 1, padding: 0, outputPadding: 0, algorithm: 'auto' },
  shape: ({ x, weight, bias }, options) => {
    requireImage('convTranspose', 'x', x);
    requireImage('convTranspose', 'weight', weight, x.shape.length);
    const g = transposeGeometry(x.shape, weight.shape, options);
    requireBias('convTranspose', bias, g.inputs);
    return { shape: [g.samples, g.inputs, ...(x.shape.length === 4 ? g.input.slice(1) : g.input)], dtype: 'f32' };
  },
  kernels: {
    reference: ({ x, weight, bias }, options, [y]) =>
      referenceInputGradient(
        transposeGeometry(x.shape, weight.shape, options),
        x.data,
        weight.data,
        bias?.data,
        y!.data,
      ),
    wasm: {
      layouts: ({ inputs }) => ({
        inputs: { x: imageLayout(inputs['x']!.shape[1]!), weight: 'plain', bias: 'plain' },
        outputs: ['blocked'],
      }),
      lower: (context) => {
        const { x, weight, bias } = context.inputs;
        const geometry = transposeGeometry(x!.shape, weight!.shape, context.options);
        return lowerProduct(
          context,
          { geometry, transposed: true, from: x!, weight: weight!, bias, to: context.outputs[0]! },
          context.options.algorithm,
        );
      },
    },
    webgpu: {
      halves: 'all',
      cuts: convTransposeCuts,
      variants: ({ inputs: { weight }, options }) => tileVariants(weight!.shape[1]!, options),
      lower: (context) => {
        const { x, weight, bias } = context.inputs;
        return lowerGpuProduct(context, {
          geometry: transposeGeometry(x!.shape, weight!.shape, context.options),
          transposed: true,
          from: x!,
          weight: weight!,
          bias,
          to: context.outputs[0]!,
        });
      },
    },
  },
  cases: [
    layer([1, 8, 2, 3, 4], 8, [2, 2, 2], { stride: 2 }),
    layer([2, 32, 3, 5, 4], 16, [2, 2, 2], { stride: 2 }),
    layer([3, 11, 3, 2, 4], 5, [1, 2, 2], { stride: [1, 2, 2] }, false),
    layer([1, 3, 3, 2, 4], 2, [3, 3, 3], { stride: 2, padding: 1, outputPadding: 1 }, true, true),
    layer([1, 2, 3, 4, 3], 3, [3, 2, 1], { stride: [1, 2, 3], padding: [1, 0, 0] }, true, true),
    layer([1, 8, 4, 7, 6], 8, [3, 3, 3], { padding: 1 }),
    layer([1, 16, 1, 1, 1], 8, [2, 2, 2], { stride: 2 }),
    layer([2, 16, 5, 6], 8, [2, 2], { stride: 2 }),
    layer([1, 2, 4, 3], 2, [2, 2], { stride: 2 }, true, true),
  ],
  tolerance: { f32: 3e-5, f16: 2e-2 },
  multiplyAdds: ({ x, weight }, options) => multiplyAdds(transposeGeometry(x.shape, weight.shape, options)),
});

function layer(
  x: readonly number[],
  outputs: number,
  kernel: readonly number[],
  options: Partial<ConvTransposeOptions>,
  bias = true,
  gradient = false,
): OpCase<{ x: Tensor; weight: Tensor; bias?: Tensor | undefined }, ConvTransposeOptions> {
  const weight = [x[1]!, outputs, ...kernel];
  const name = `[${x.join(', ')}] * [${weight.join(', ')}] ${JSON.stringify(options)}${bias ? ' with bias' : ''}`;
  return {
    name,
    inputs: { x: { shape: x }, weight: { shape: weight }, bias: bias ? { shape: [outputs] } : undefined },
    options,
    gradient,
  };
}
