/** A label map as one 0/1 channel per label: how a cascade's second stage sees the first. */
export function oneHotLabels(labels: ArrayLike<number>, of: readonly number[]): Float32Array {
  const channels = new Float32Array(labels.length * of.length);
  of.forEach((label, c) => {
    const from = c * labels.length;
    for (let v = 0; v < labels.length; v++) if (labels[v] === label) channels[from + v] = 1;
  });
  return channels;
}
