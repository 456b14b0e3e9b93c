/** The definition of right: every product of a convolution, visited once. */
import type { ConvGeometry } from './geometry.ts';
import { product } from './geometry.ts';

/** Calls `visit` with flat indices into x, weight and y of each product. */
function products(g: ConvGeometry, visit: (x: number, weight: number, y: number) => void): void {
  const [d, h, w] = g.input;
  const [od, oh, ow] = g.output;
  const [kd, kh, kw] = g.kernel;
  let y = 0;
  for (let n = 0; n < g.samples; n++)
    for (let o = 0; o < g.outputs; o++)
      for (let oz = 0; oz < od; oz++)
        for (let oy = 0; oy < oh; oy++)
          for (let ox = 0; ox < ow; ox++, y++)
            for (let i = 0; i < g.inputs; i++)
              for (let kz = 0; kz < kd; kz++) {
                const iz = oz * g.stride[0] + kz - g.padding[0];
                if (iz < 0 || iz >= d) continue;
                for (let ky = 0; ky < kh; ky++) {
                  const iy = oy * g.stride[1] + ky - g.padding[1];
                  if (iy < 0 || iy >= h) continue;
                  for (let kx = 0; kx < kw; kx++) {
                    const ix = ox * g.stride[2] + kx - g.padding[2];
                    if (ix < 0 || ix >= w) continue;
                    visit(
                      (((n * g.inputs + i) * d + iz) * h + iy) * w + ix,
                      (((o * g.inputs + i) * kd + kz) * kh + ky) * kw + kx,
                      y,
                    );
                  }
                }
              }
}

type Numbers = ArrayLike<number> & { [index: number]: number; length: number };

export function referenceConv(
  g: ConvGeometry,
  x: Numbers,
  weight: Numbers,
  bias: Numbers | undefined,
  y: Numbers,
): void {
  const sums = new Float64Array(y.length);
  products(g, (i, k, o) => (sums[o]! += x[i]! * weight[k]!));
  addChannels(sums, bias, g.outputs, product(g.output));
  for (let o = 0; o < sums.length; o++) y[o] = sums[o]!;
}

/** Gradient of x; as a transposed convolution, `bias` is added per channel of x. */
export function referenceInputGradient(
  g: ConvGeometry,
  dy: Numbers,
  weight: Numbers,
  bias: Numbers | undefined,
  dx: Numbers,
): void {
  const sums = new Float64Array(dx.length);
  products(g, (i, k, o) => (sums[i]! += dy[o]! * weight[k]!));
  addChannels(sums, bias, g.inputs, product(g.input));
  for (let i = 0; i < sums.length; i++) dx[i] = sums[i]!;
}

export function referenceWeightGradient(g: ConvGeometry, x: Numbers, dy: Numbers, dw: Numbers): void {
  const sums = new Float64Array(dw.length);
  products(g, (i, k, o) => (sums[k]! += x[i]! * dy[o]!));
  for (let k = 0; k < sums.length; k++) dw[k] = sums[k]!;
}

function addChannels(values: Float64Array, bias: Numbers | undefined, channels: number, voxels: number): void {
  if (bias !== undefined)
    for (let k = 0; k < values.length; k++) values[k]! += bias[Math.floor(k / voxels) % channels]!;
}
