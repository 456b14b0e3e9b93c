/** The definition of right, in float64: two passes per channel. */
import { sizeOf, type TensorSpec } from '../../tensor/spec.ts';

type Numbers = ArrayLike<number>;
type Writable = { [index: number]: number };

interface Settings {
  readonly epsilon: number;
  readonly slope: number;
}

export function referenceInstanceNorm(
  x: TensorSpec & { readonly data: Numbers },
  scale: Numbers | undefined,
  shift: Numbers | undefined,
  { epsilon, slope }: Settings,
  y: Writable,
  moments: Writable,
): void {
  const channels = x.shape[1]!;
  const voxels = sizeOf(x.shape.slice(2));
  for (let row = 0; row < x.shape[0]! * channels; row++) {
    const at = row * voxels;
    let mean = 0;
    for (let v = 0; v < voxels; v++) mean += x.data[at + v]! / voxels;
    let variance = 0;
    for (let v = 0; v < voxels; v++) variance += (x.data[at + v]! - mean) ** 2 / voxels;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    moments[row * 2] = mean;
    moments[row * 2 + 1] = inverse;
    const a = scale?.[row % channels] ?? 1;
    const b = shift?.[row % channels] ?? 0;
    for (let v = 0; v < voxels; v++) {
      const value = (x.data[at + v]! - mean) * inverse * a + b;
      y[at + v] = value < 0 ? slope * value : value;
    }
  }
}

export function referenceInstanceNormGradient(
  x: TensorSpec & { readonly data: Numbers },
  scale: Numbers | undefined,
  shift: Numbers | undefined,
  dy: Numbers,
  moments: Numbers,
  dmoments: Numbers | undefined,
  { slope }: Settings,
  dx: Writable,
  dscale: Writable,
  dshift: Writable,
): void {
  const [samples, channels] = x.shape as [number, number];
  const voxels = sizeOf(x.shape.slice(2));
  for (let c = 0; c < channels; c++) {
    const a = scale?.[c] ?? 1;
    const b = shift?.[c] ?? 0;
    let allDirect = 0;
    let allNormal = 0;
    for (let n = 0; n < samples; n++) {
      const row = n * channels + c;
      const mean = moments[row * 2]!;
      const inverse = moments[row * 2 + 1]!;
      const normal = (v: number): number => (x.data[row * voxels + v]! - mean) * inverse;
      const slopedDy = (v: number): number => dy[row * voxels + v]! * (normal(v) * a + b < 0 ? slope : 1);
      let direct = 0;
      let byNormal = 0;
      for (let v = 0; v < voxels; v++) {
        direct += slopedDy(v);
        byNormal += slopedDy(v) * normal(v);
      }
      for (let v = 0; v < voxels; v++) {
        const throughMoments =
          ((dmoments?.[row * 2] ?? 0) - (dmoments?.[row * 2 + 1] ?? 0) * inverse ** 2 * normal(v)) / voxels;
        dx[row * voxels + v] =
          a * inverse * (slopedDy(v) - direct / voxels - (normal(v) * byNormal) / voxels) + throughMoments;
      }
      allDirect += direct;
      allNormal += byNormal;
    }
    dscale[c] = allNormal;
    dshift[c] = allDirect;
  }
}
