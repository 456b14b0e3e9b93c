/** A loss is a value: logits and targets of one resolution in, one number out. */
import type { Tensor } from '@voxelwise/compute';

export interface Loss {
  readonly name: string;
  /**
   * `logits` [N, K, (z,) y, x]; `target` label map i32 [N, 1, (z,) y, x] (-1: ignored), or for regions 0/1 channels
   * [N, R(+1), (z,) y, x] with the ignore mask last. Returns a scalar tensor.
   */
  apply(logits: Tensor, target: Tensor): Tensor;
}
