/** Clips a list of gradients by the norm of the whole, as nnU-Net does before each update. */
import type { Tensor } from '../../tensor/tensor.ts';
import { mul } from '../pointwise/pointwise.ts';
import { gradientNorm } from './gradient-norm.ts';

export interface ClippedGradients {
  readonly gradients: readonly Tensor[];
  /** Norm before clipping; one number. */
  readonly norm: Tensor;
  /** The factor that was applied; one number. */
  readonly scale: Tensor;
}

/** `norm`: the greatest allowed. The gradients keep their direction. */
export function clipGradients(
  gradients: readonly Tensor[],
  { norm: limit }: { readonly norm: number },
): ClippedGradients {
  const [norm, scale] = gradientNorm(Object.fromEntries(gradients.map((gradient, k) => [`g${k}`, gradient])), {
    limit,
  });
  return { gradients: gradients.map((gradient) => mul({ a: gradient, b: scale })), norm, scale };
}
