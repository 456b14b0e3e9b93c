/** What a training step gives up and computes again on the way back, so that it fits into memory. */
import { checkpoint, concat, slice, type Tensor } from '@voxelwise/compute';
import { parametersOf, type Forward, type Module } from '@voxelwise/nets';

/**
 * `stages`: inner results of each stage; the same bits. `samples`: all results of a sample but its logits, so that memory
 * holds those of one sample at a time; the loss still sees the whole batch, and the sums over samples round differently.
 * Either costs another forward pass. For networks that treat samples apart, as all with instance or layer norm do.
 */
export type Checkpointing = 'none' | 'stages' | 'samples' | 'samples and stages';

/** From quick to frugal: what is tried in turn until a step fits. */
export function frugality(samples: number, network: Module): readonly Checkpointing[] {
  // Batch norm looks at all samples together, and is what keeps numbers that it does not learn.
  const apart = [...parametersOf(network).values()].every(({ learned }) => learned);
  return samples > 1 && apart ? ['none', 'stages', 'samples', 'samples and stages'] : ['none', 'stages'];
}

/** Logits of every resolution that the network gives, full resolution first: each [N, K, (z,) y, x]. */
export function logitsOf(
  network: Module,
  image: Tensor,
  {
    deepSupervision,
    checkpointing,
    ownStatistics = false,
  }: Pick<Forward, 'ownStatistics'> & { readonly deepSupervision: boolean; readonly checkpointing: Checkpointing },
): readonly Tensor[] {
  const how = { deepSupervision, checkpointing: checkpointing.endsWith('stages'), ownStatistics };
  const forward = (x: Tensor): readonly Tensor[] => {
    const outputs = network.forward(x, how);
    return Array.isArray(outputs) ? (outputs as Tensor[]) : [outputs as Tensor];
  };
  const [samples, ...rest] = image.shape as [number, ...number[]];
  if (!checkpointing.startsWith('samples') || samples === 1) return forward(image);
  const each = Array.from({ length: samples }, (_, n) => {
    const x = slice({ x: image }, { start: [n, ...rest.map(() => 0)], size: [1, ...rest] });
    return checkpoint(forward, [x]);
  });
  return each[0]!.map((_, k) =>
    concat(Object.fromEntries(each.map((logits, n) => [String(n), logits[k]!])), { axis: 0 }),
  );
}
