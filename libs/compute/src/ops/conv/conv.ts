/** Convolution in 2D and 3D, as PyTorch's conv2d and conv3d (cross-correlation, zero padding). */
import { defineOp } from '../../op/op.ts';
import { expectFloats } from '../../op/expect.ts';
import { ShapeError } from '../../errors.ts';
import { describe, type TensorSpec } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { convCases } from './conv.cases.ts';
import { referenceConv } from './conv.reference.ts';
import { algorithmVariants, imageLayout, lowerProduct, productAlgorithm } from './conv.wasm.ts';
import { lowerGpuProduct, tileVariants } from './conv.webgpu.ts';
import { convCuts } from './cuts.ts';
import { convGeometry, multiplyAdds, ofRank, requireImage, type ConvOptions } from './geometry.ts';

/** Throws: ShapeError, DTypeError unless `bias` is f32 [channels] or absent. */
export function requireBias(op: string, bias: TensorSpec | undefined, channels: number): void {
  expectFloats(op, { bias });
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== channels))
    throw new ShapeError(`${op}: bias has one number per output channel, [${channels}]; came ${describe(bias)}.`, {
      op,
      bias: bias.shape,
      channels,
    });
}

/**
 * y[n, o] = bias[o] + sum over i, taps: x[n, i, position * stride - padding + tap] * weight[o, i, tap].
 * x [N, inputs, (z,) y, x], weight [outputs, inputs, (kz,) ky, kx], bias [outputs]; y [N, outputs, …] with sizes
 * floor((size + 2 padding - kernel) / stride) + 1.
 *
 * Throws: ShapeError, DTypeError.
 */
export const conv = defineOp<{ x: Tensor; weight: Tensor; bias?: Tensor | undefined }, ConvOptions>({
  name: 'conv',
  defaults: { stride: 1, padding: 0, algorithm: 'auto' },
  shape: ({ x, weight, bias }, options) => {
    requireImage('conv', 'x', x);
    requireImage('conv', 'weight', weight, x.shape.length);
    const g = convGeometry('conv', x.shape, weight.shape, options);
    requireBias('conv', bias, g.outputs);
    return { shape: [g.samples, g.outputs, ...ofRank(g.output, x.shape.length)], dtype: 'f32' };
  },
  kernels: {
    reference: ({ x, weight, bias }, options, [y]) =>
      referenceConv(convGeometry('conv', x.shape, weight.shape, options), x.data, weight.data, bias?.data, y!.data),
    wasm: {
      layouts: ({ inputs }) => ({
        inputs: { x: imageLayout(inputs['x']!.shape[1]!), weight: 'plain', bias: 'plain' },
        outputs: ['blocked'],
      }),
      lower: (context) => {
        const { x, weight, bias } = context.inputs;
        const options = context.options;
        const geometry = convGeometry('conv', x!.shape, weight!.shape, options);
        return lowerProduct(
          context,
          { geometry, transposed: false, from: x!, weight: weight!, bias, to: context.outputs[0]! },
          options.algorithm,
        );
      },
      // Winograd's kernel normalizes what it transforms.
      takesDeferred: ({ inputs: { x, weight }, options }) =>
        productAlgorithm(convGeometry('conv', x!.shape, weight!.shape, options), false, options.algorithm) === 'direct'
          ? undefined
          : 'x',
      variants: ({ inputs: { x, weight }, options }) =>
        algorithmVariants(convGeometry('conv', x!.shape, weight!.shape, options), 'output', x!.shape[1]!, options),
    },
    webgpu: {
      halves: 'all',
      cuts: convCuts,
      variants: ({ inputs: { weight }, options }) => tileVariants(weight!.shape[0]!, options),
      lower: (context) => {
        const { x, weight, bias } = context.inputs;
        return lowerGpuProduct(context, {
          geometry: convGeometry('conv', x!.shape, weight!.shape, context.options),
          transposed: false,
          from: x!,
          weight: weight!,
          bias,
          to: context.outputs[0]!,
        });
      },
    },
  },
  cases: convCases,
  // Winograd's transforms lose a digit against direct sums.
  tolerance: { f32: 3e-5, f16: 2e-2 },
  multiplyAdds: ({ x, weight }, options) => multiplyAdds(convGeometry('conv', x.shape, weight.shape, options)),
});
