/** What is said when the loss or its gradient is no number. */
import { DivergenceError } from '../errors.ts';
import type { Batch } from '../sampling/batch.ts';
import type { Break } from './find-break.ts';

export interface Divergence {
  /** From 0. */
  readonly step: number;
  readonly loss: number;
  readonly batch: Batch;
  readonly found: Break | undefined;
  /** As the network sees it. */
  readonly patch: readonly number[];
}

/** Names operation, layer, cases and patches. */
export function divergence({ step, loss, batch, found, patch }: Divergence): DivergenceError {
  const size = batch.image.length / batch.samples;
  const bad = batch.origins.flatMap((_, sample) =>
    batch.image.subarray(sample * size, (sample + 1) * size).every(Number.isFinite) ? [] : [sample],
  );
  const samples = bad.length > 0 ? bad : (found?.samples ?? [...batch.origins.keys()]);
  const patches = samples.map((sample) => batch.origins[sample]!);
  const origins = patches.map(({ id, start }) => `${id} from voxel [${start.join(', ')}]`).join('; ');
  const what = Number.isFinite(loss) ? `the loss is ${loss}, but its gradient is no number,` : `the loss is ${loss}`;
  return new DivergenceError(
    `train: ${what} at step ${step + 1}. ${place(found, bad.length > 0)} Patch ${patch.join('×')} of ${origins}. ` +
      (bad.length > 0 ? 'Repair this image.' : 'Lower the learning rate, or look at these cases.'),
    {
      step: step + 1,
      loss,
      ...(found ? { operation: found.operation, layer: found.layer, pass: found.pass } : {}),
      patches,
      imageIsFinite: bad.length === 0,
    },
  );
}

function place(found: Break | undefined, badImage: boolean): string {
  if (badImage) return 'The image itself holds NaN or infinity there.';
  if (found === undefined) return 'Done again, the step gave numbers; the operation that broke is not known.';
  const { operation, pass, layer, shape } = found;
  const result = `${operation} [${shape.join(', ')}]`;
  if (pass === 'loss') return `The network's output is finite; ${result} of the loss is the first result that is not.`;
  const way = pass === 'forward' ? 'on the way forward' : 'on the way back';
  return `The first result that is no number ${way} is ${result}${layer === undefined ? '' : `, at the layer ${layer}`}.`;
}
