/** Several predictions of one image become one: their mean, or what most say. Source: MONAI's MeanEnsemble and VoteEnsemble. */
import { TransformError } from '../errors.ts';

function checkSizes(name: string, predictions: readonly ArrayLike<number>[]): number {
  const size = predictions[0]?.length ?? 0;
  if (predictions.length === 0 || predictions.some(({ length }) => length !== size))
    throw new TransformError(
      `${name}: expects at least one prediction, all of one size; came sizes [${predictions.map(({ length }) => length).join(', ')}].`,
      { sizes: predictions.map(({ length }) => length) },
    );
  return size;
}

/** The weighted mean, number by number; equal weights by default. */
export function meanOfPredictions(
  predictions: readonly ArrayLike<number>[],
  weights: readonly number[] = predictions.map(() => 1),
): Float32Array {
  const size = checkSizes('meanOfPredictions', predictions);
  const total = weights.reduce((a, b) => a + b, 0);
  if (weights.length !== predictions.length || !(total > 0))
    throw new TransformError(
      `meanOfPredictions: expects ${predictions.length} weights with a positive sum, came [${weights.join(', ')}].`,
      { weights },
    );
  const result = new Float32Array(size);
  for (let v = 0; v < size; v++)
    result[v] = predictions.reduce((sum, prediction, k) => sum + weights[k]! * prediction[v]!, 0) / total;
  return result;
}

/** Per voxel, the label that most label maps say; of equal counts the smallest. Labels are 0 … classes - 1. */
export function voteOfPredictions(predictions: readonly ArrayLike<number>[], classes: number): Int32Array {
  const size = checkSizes('voteOfPredictions', predictions);
  const result = new Int32Array(size);
  const counts = new Int32Array(classes);
  for (let v = 0; v < size; v++) {
    counts.fill(0);
    for (const prediction of predictions) {
      const label = prediction[v]!;
      if (!(Number.isInteger(label) && label >= 0 && label < classes))
        throw new TransformError(
          `voteOfPredictions: labels are whole numbers from 0 to ${classes - 1}, came ${label} at voxel ${v}.`,
          { label, voxel: v, classes },
        );
      counts[label]!++;
    }
    let best = 0;
    for (let label = 1; label < classes; label++) if (counts[label]! > counts[best]!) best = label;
    result[v] = best;
  }
  return result;
}
