/** Instance normalization with affine and leaky ReLU in one operation, as PyTorch's InstanceNorm followed by LeakyReLU. */
import { ShapeError } from '../../errors.ts';
import { defineOp, type OpCase } from '../../op/op.ts';
import { expectFloatsOf } from '../../op/expect.ts';
import { describe, sizeOf, type TensorSpec } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { requireImage } from '../conv/geometry.ts';
import { referenceInstanceNorm, referenceInstanceNormGradient } from './instance-norm.reference.ts';
import { lowerInstanceNorm, lowerInstanceNormGradient } from './instance-norm.wasm.ts';
import { instanceNormGradientKernel, instanceNormKernel } from './instance-norm.webgpu.ts';

export interface InstanceNormOptions {
  readonly epsilon: number;
  /** y = v < 0 ? slope * v : v after scale and shift; 1: no activation, 0: ReLU. */
  readonly slope: number;
}

type NormGradientInputs = NormInputs & { dy: Tensor; moments: Tensor; dmoments?: Tensor | undefined };
type NormInputs = { x: Tensor; scale?: Tensor | undefined; shift?: Tensor | undefined };

function requireVector(op: string, name: string, spec: TensorSpec | undefined, channels: number): void {
  if (spec !== undefined && (spec.dtype !== 'f32' || spec.shape.length !== 1 || spec.shape[0] !== channels))
    throw new ShapeError(`${op}: ${name} has one number per channel of x, f32 [${channels}]; came ${describe(spec)}.`, {
      op,
      [name]: spec.shape,
      channels,
    });
}

/**
 * Normalizes each channel of each sample to mean 0 and variance 1 (biased), then scale, shift and leaky ReLU.
 * x [N, C, (z,) y, x], scale and shift [C]. Returns [y, moments], y like x, moments [N, C, 2]: mean and 1/sqrt(variance + epsilon).
 *
 * Throws: ShapeError, DTypeError.
 */
export const instanceNormWithMoments = defineOp<NormInputs, InstanceNormOptions, readonly Tensor[]>({
  name: 'instanceNorm',
  defaults: { epsilon: 1e-5, slope: 1 },
  shape: ({ x, scale, shift }) => {
    requireImage('instanceNorm', 'x', x);
    requireVector('instanceNorm', 'scale', scale, x.shape[1]!);
    requireVector('instanceNorm', 'shift', shift, x.shape[1]!);
    return [
      { shape: x.shape, dtype: 'f32' },
      { shape: [x.shape[0]!, x.shape[1]!, 2], dtype: 'f32' },
    ];
  },
  kernels: {
    reference: ({ x, scale, shift }, options, [y, moments]) =>
      referenceInstanceNorm(x, scale?.data, shift?.data, options, y!.data, moments!.data),
    wasm: {
      layouts: () => ({ inputs: { x: 'blocked' }, outputs: ['blocked', 'plain'] }),
      overwrites: ['x'],
      readsMoments: 'x',
      defers: 'x',
      lower: (context) => lowerInstanceNorm(context),
    },
    webgpu: instanceNormKernel,
  },
  cases: [
    norm([2, 11, 3, 4, 5], { slope: 0.01 }, true, true),
    norm([1, 8, 4, 4, 4], {}, false, true),
    norm([1, 16, 20, 21, 22], { slope: 0.01 }, true),
    norm([3, 2, 5, 4], { slope: 0.2, epsilon: 1e-3 }, true, true),
    norm([1, 4, 1, 1, 1], { slope: 0.01 }, true),
    norm([2, 8, 40, 41], { slope: 0 }, true),
  ],
  tolerance: { f32: 1e-5, f16: 1e-2 },
  multiplyAdds: ({ x }) => 4 * sizeOf(x.shape),
});

/** The normalized x alone: see instanceNormWithMoments. */
export function instanceNorm(inputs: NormInputs, options?: Partial<InstanceNormOptions>): Tensor {
  return instanceNormWithMoments(inputs, options)[0]!;
}

/**
 * Gradient of instanceNorm: dy like y, dmoments (if anything flows back through them) like moments. Returns [dx, dscale, dshift], like x, [C] and [C].
 * The activation's side is recomputed from x.
 */
export const instanceNormGradient = defineOp<NormGradientInputs, InstanceNormOptions, readonly Tensor[]>({
  name: 'instanceNormGradient',
  defaults: { epsilon: 1e-5, slope: 1 },
  shape: ({ x, dy, moments, dmoments, scale, shift }) => {
    requireImage('instanceNormGradient', 'x', x);
    const [samples, channels] = x.shape as [number, number];
    requireVector('instanceNormGradient', 'scale', scale, channels);
    requireVector('instanceNormGradient', 'shift', shift, channels);
    expectFloatsOf(x.shape, 'instanceNormGradient', { dy }, { x });
    expectFloatsOf([samples, channels, 2], 'instanceNormGradient', { moments, dmoments }, { x });
    return [
      { shape: x.shape, dtype: 'f32' },
      { shape: [channels], dtype: 'f32' },
      { shape: [channels], dtype: 'f32' },
    ];
  },
  kernels: {
    reference: ({ x, scale, shift, dy, moments, dmoments }, options, [dx, dscale, dshift]) =>
      referenceInstanceNormGradient(
        x,
        scale?.data,
        shift?.data,
        dy.data,
        moments.data,
        dmoments?.data,
        options,
        dx!.data,
        dscale!.data,
        dshift!.data,
      ),
    wasm: {
      layouts: () => ({
        inputs: { x: 'blocked', dy: 'blocked', moments: 'plain', dmoments: 'plain', scale: 'plain', shift: 'plain' },
        outputs: ['blocked', 'plain', 'plain'],
      }),
      overwrites: ['dy'],
      lower: (context) => lowerInstanceNormGradient(context),
    },
    webgpu: instanceNormGradientKernel,
  },
  cases: [
    gradientCase([2, 11, 3, 4, 5], true),
    gradientCase([1, 8, 20, 21, 22], true),
    gradientCase([3, 3, 7, 5], false),
    gradientCase([1, 8, 1, 1, 1], true),
  ],
  tolerance: { f32: 2e-5, f16: 1e-2 },
  multiplyAdds: ({ x }) => 8 * sizeOf(x.shape),
});

function norm(
  x: readonly number[],
  options: Partial<InstanceNormOptions>,
  affine: boolean,
  gradient = false,
): OpCase<NormInputs, InstanceNormOptions> {
  const vector = affine ? { shape: [x[1]!] } : undefined;
  return {
    name: `[${x.join(', ')}] ${JSON.stringify(options)}${affine ? ' affine' : ''}`,
    inputs: { x: { shape: x }, scale: vector, shift: vector },
    options,
    gradient,
  };
}

function gradientCase(x: readonly number[], affine: boolean): OpCase<NormGradientInputs, InstanceNormOptions> {
  const vector = affine ? { shape: [x[1]!] } : undefined;
  const moments = { shape: [x[0]!, x[1]!, 2], fill: 'positive' as const };
  return {
    name: `[${x.join(', ')}]${affine ? ' affine' : ''}`,
    inputs: {
      x: { shape: x },
      dy: { shape: x },
      moments,
      dmoments: affine ? { shape: moments.shape } : undefined,
      scale: vector,
      shift: vector,
    },
    options: { slope: 0.01 },
    gradient: false,
  };
}
