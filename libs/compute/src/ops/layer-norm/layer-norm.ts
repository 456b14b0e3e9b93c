/** Layer normalization over the last axis, the features of a token, with scale and shift. Source: Ba et al., 2016. */
import { DTypeError, ShapeError } from '../../errors.ts';
import { defineOp, type OpCase } from '../../op/op.ts';
import { expectFloatsOf } from '../../op/expect.ts';
import { describe, sizeOf, type TensorSpec } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { referenceLayerNorm, referenceLayerNormGradient } from './layer-norm.reference.ts';
import { lowerLayerNorm, lowerLayerNormGradient } from './layer-norm.wasm.ts';
import { layerNormGradientKernel, layerNormKernel } from './layer-norm.webgpu.ts';

export interface LayerNormOptions {
  readonly epsilon: number;
}

type NormInputs = { x: Tensor; scale?: Tensor | undefined; shift?: Tensor | undefined };
type NormGradientInputs = { x: Tensor; scale?: Tensor | undefined; dy: Tensor; moments: Tensor };

function expectNormInputs(op: string, x: TensorSpec, vectors: Record<string, TensorSpec | undefined>): void {
  if (x.dtype !== 'f32') throw new DTypeError(`${op}: x is f32, came ${describe(x)}.`, { op, dtype: x.dtype });
  if (x.shape.length === 0)
    throw new ShapeError(`${op}: x has at least one axis, its features; came ${describe(x)}.`, { op, x: x.shape });
  const features = x.shape.at(-1)!;
  for (const [name, spec] of Object.entries(vectors))
    if (spec !== undefined && (spec.dtype !== 'f32' || spec.shape.length !== 1 || spec.shape[0] !== features))
      throw new ShapeError(
        `${op}: ${name} has one number per feature of x ${describe(x)}, f32 [${features}]; came ${describe(spec)}.`,
        { op, [name]: spec.shape, x: x.shape },
      );
}

/**
 * Normalizes the last axis to mean 0 and variance 1 (biased), then scale and shift.
 * x [..., C], scale and shift [C]. Returns [y, moments], y like x, moments [..., 2]: mean and 1/sqrt(variance + epsilon).
 *
 * Throws: ShapeError, DTypeError.
 */
export const layerNormWithMoments = defineOp<NormInputs, LayerNormOptions, readonly Tensor[]>({
  name: 'layerNorm',
  defaults: { epsilon: 1e-5 },
  shape: ({ x, scale, shift }) => {
    expectNormInputs('layerNorm', x, { scale, shift });
    return [
      { shape: x.shape, dtype: 'f32' },
      { shape: [...x.shape.slice(0, -1), 2], dtype: 'f32' },
    ];
  },
  kernels: {
    reference: ({ x, scale, shift }, { epsilon }, [y, moments]) =>
      referenceLayerNorm(x, scale?.data, shift?.data, epsilon, y!.data, moments!.data),
    wasm: { lower: lowerLayerNorm },
    webgpu: layerNormKernel,
  },
  cases: [norm([2, 5, 12], true), norm([7, 13], false), norm([300, 6], true), norm([3, 1], true), norm([70], true)],
  tolerance: { f32: 1e-5 },
  multiplyAdds: ({ x }) => 4 * sizeOf(x.shape),
});

/** The normalized x alone: see layerNormWithMoments. */
export function layerNorm(inputs: NormInputs, options?: Partial<LayerNormOptions>): Tensor {
  return layerNormWithMoments(inputs, options)[0]!;
}

/** Gradient of layerNorm: dy like y, moments as returned beside y. Returns [dx, dscale, dshift], like x, [C] and [C]. */
export const layerNormGradient = defineOp<NormGradientInputs, LayerNormOptions, readonly Tensor[]>({
  name: 'layerNormGradient',
  defaults: { epsilon: 1e-5 },
  shape: ({ x, scale, dy, moments }) => {
    expectNormInputs('layerNormGradient', x, { scale });
    expectFloatsOf(x.shape, 'layerNormGradient', { dy }, { x });
    expectFloatsOf([...x.shape.slice(0, -1), 2], 'layerNormGradient', { moments }, { x });
    const vector = { shape: [x.shape.at(-1)!], dtype: 'f32' as const };
    return [{ shape: x.shape, dtype: 'f32' }, vector, vector];
  },
  kernels: {
    reference: ({ x, scale, dy, moments }, _options, [dx, dscale, dshift]) =>
      referenceLayerNormGradient(x, scale?.data, dy.data, moments.data, dx!.data, dscale!.data, dshift!.data),
    wasm: { lower: lowerLayerNormGradient },
    webgpu: layerNormGradientKernel,
  },
  cases: [gradientCase([2, 5, 12], true), gradientCase([300, 7], true), gradientCase([4, 70], false)],
  tolerance: { f32: 2e-5 },
  multiplyAdds: ({ x }) => 8 * sizeOf(x.shape),
});

function norm(shape: readonly number[], affine: boolean): OpCase<NormInputs, LayerNormOptions> {
  const vector = affine ? { shape: [shape.at(-1)!] } : undefined;
  return {
    name: `[${shape.join(', ')}]${affine ? ' affine' : ''}`,
    inputs: { x: { shape }, scale: vector, shift: vector },
    options: { epsilon: 1e-3 },
    gradient: sizeOf(shape) < 1000,
  };
}

function gradientCase(shape: readonly number[], affine: boolean): OpCase<NormGradientInputs, LayerNormOptions> {
  const vector = affine ? { shape: [shape.at(-1)!] } : undefined;
  return {
    name: `[${shape.join(', ')}]${affine ? ' affine' : ''}`,
    inputs: {
      x: { shape },
      dy: { shape },
      moments: { shape: [...shape.slice(0, -1), 2], fill: 'positive' },
      scale: vector,
    },
    gradient: false,
  };
}
