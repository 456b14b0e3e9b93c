/** Logits [K, voxels] → probabilities: they sum to one over labels (softmax), or stand alone per region (sigmoid). */
export function probabilitiesOf(logits: Float32Array, channels: number, regions: boolean): Float32Array {
  const result = new Float32Array(logits.length);
  if (regions) {
    for (let k = 0; k < logits.length; k++) result[k] = 1 / (1 + Math.exp(-logits[k]!));
    return result;
  }
  const voxels = logits.length / channels;
  for (let v = 0; v < voxels; v++) {
    let most = -Infinity;
    for (let c = 0; c < channels; c++) most = Math.max(most, logits[c * voxels + v]!);
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += Math.exp(logits[c * voxels + v]! - most);
    for (let c = 0; c < channels; c++) result[c * voxels + v] = Math.exp(logits[c * voxels + v]! - most) / sum;
  }
  return result;
}
