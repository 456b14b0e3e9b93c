/** Layer normalization and its gradient, row by row in double precision. */
import type { HostTensor } from '../../op/op.ts';
import type { HostArray } from '../../tensor/spec.ts';

function eachRow({ shape, data }: HostTensor, visit: (row: number, at: number, features: number) => void): void {
  const features = shape.at(-1)!;
  for (let row = 0; row * features < data.length; row++) visit(row, row * features, features);
}

export function referenceLayerNorm(
  x: HostTensor,
  scale: HostArray | undefined,
  shift: HostArray | undefined,
  epsilon: number,
  y: HostArray,
  moments: HostArray,
): void {
  eachRow(x, (row, at, features) => {
    let mean = 0;
    for (let c = 0; c < features; c++) mean += x.data[at + c]! / features;
    let variance = 0;
    for (let c = 0; c < features; c++) variance += (x.data[at + c]! - mean) ** 2 / features;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    moments[row * 2] = mean;
    moments[row * 2 + 1] = inverse;
    for (let c = 0; c < features; c++)
      y[at + c] = (x.data[at + c]! - mean) * inverse * (scale?.[c] ?? 1) + (shift?.[c] ?? 0);
  });
}

/** With h the normalized x and g = dy · scale: dx = (g - mean g - h mean(g h)) / deviation, dscale = Σ dy h, dshift = Σ dy. */
export function referenceLayerNormGradient(
  x: HostTensor,
  scale: HostArray | undefined,
  dy: HostArray,
  moments: HostArray,
  dx: HostArray,
  dscale: HostArray,
  dshift: HostArray,
): void {
  const sums = { scale: new Float64Array(dscale.length), shift: new Float64Array(dshift.length) };
  eachRow(x, (row, at, features) => {
    const mean = moments[row * 2]!;
    const inverse = moments[row * 2 + 1]!;
    let sum = 0;
    let along = 0;
    for (let c = 0; c < features; c++) {
      const h = (x.data[at + c]! - mean) * inverse;
      const g = dy[at + c]! * (scale?.[c] ?? 1);
      sum += g / features;
      along += (g * h) / features;
      sums.scale[c]! += dy[at + c]! * h;
      sums.shift[c]! += dy[at + c]!;
    }
    for (let c = 0; c < features; c++) {
      const h = (x.data[at + c]! - mean) * inverse;
      dx[at + c] = inverse * (dy[at + c]! * (scale?.[c] ?? 1) - sum - h * along);
    }
  });
  dscale.set(sums.scale);
  dshift.set(sums.shift);
}
