/**
 * Patches that cover an image, and the image made of what was found in them. Source: TorchIO's GridSampler and GridAggregator.
 */
import type { PerAxis } from '@voxelwise/volume';
import { TransformError } from '../errors.ts';

export interface PatchGridSettings {
  readonly shape: PerAxis;
  readonly patch: PerAxis;
  /** Voxels that neighbors share; even, and less than the patch. */
  readonly overlap: PerAxis;
}

/** First voxels [z, y, x] of the patches, the last axis fastest; the last patch of an axis ends with the image. */
export function patchStarts({ shape, patch, overlap }: PatchGridSettings): PerAxis[] {
  const wrong = patch.findIndex((n, axis) => {
    const shared = overlap[axis]!;
    return !(Number.isInteger(n) && n >= 1 && n <= shape[axis]! && shared >= 0 && shared < n && shared % 2 === 0);
  });
  if (wrong >= 0)
    throw new TransformError(
      `patchStarts: along axis ${wrong} expects a patch of 1 to ${shape[wrong]} voxels and an even overlap below it, came ${patch[wrong]} and ${overlap[wrong]}; pad the image or take smaller patches.`,
      { shape, patch, overlap },
    );
  const [zs, ys, xs] = shape.map((n, axis) => {
    const last = n - patch[axis]!;
    const step = patch[axis]! - overlap[axis]!;
    const starts = Array.from({ length: Math.floor(last / step) + 1 }, (_, k) => k * step);
    return starts.at(-1) === last ? starts : [...starts, last];
  }) as [number[], number[], number[]];
  return zs.flatMap((z) => ys.flatMap((y) => xs.map((x): PerAxis => [z, y, x])));
}

export type Merging = 'crop' | 'average' | 'hann';

/**
 * Puts patches [C, z, y, x] together. `crop`: the middle of each patch, half the overlap cut off where it has a neighbor;
 * `average`: the mean of all; `hann`: a mean weighted by a Hann window.
 */
export class PatchAggregator {
  readonly #settings: PatchGridSettings;
  readonly #channels: number;
  readonly #sum: Float64Array;
  readonly #weights: Float64Array;
  readonly #merging: Merging;

  constructor(settings: PatchGridSettings & { readonly channels: number; readonly merging?: Merging }) {
    patchStarts(settings);
    const voxels = settings.shape.reduce((a, b) => a * b, 1);
    this.#settings = settings;
    this.#channels = settings.channels;
    this.#merging = settings.merging ?? 'crop';
    this.#sum = new Float64Array(settings.channels * voxels);
    this.#weights = new Float64Array(voxels);
  }

  /** Throws: TransformError if the patch has another size or lies outside. */
  add(data: ArrayLike<number>, start: PerAxis): void {
    const { shape, patch, overlap } = this.#settings;
    const size = patch.reduce((a, b) => a * b, 1);
    if (data.length !== this.#channels * size || start.some((s, axis) => s < 0 || s + patch[axis]! > shape[axis]!))
      throw new TransformError(
        `PatchAggregator: expects ${this.#channels} × [${patch.join(', ')}] numbers inside [${shape.join(', ')}], came ${data.length} at [${start.join(', ')}].`,
        { patch, start, length: data.length },
      );
    const crop = this.#merging === 'crop';
    const low = start.map((s, axis) => (crop && s > 0 ? overlap[axis]! / 2 : 0));
    const high = start.map(
      (s, axis) => patch[axis]! - (crop && s + patch[axis]! < shape[axis]! ? overlap[axis]! / 2 : 0),
    );
    const windows = patch.map((n) => (this.#merging === 'hann' ? hann(n) : new Float64Array(n).fill(1)));
    const voxels = this.#weights.length;
    for (let z = low[0]!; z < high[0]!; z++)
      for (let y = low[1]!; y < high[1]!; y++)
        for (let x = low[2]!; x < high[2]!; x++) {
          const from = (z * patch[1] + y) * patch[2] + x;
          const to = ((start[0] + z) * shape[1] + start[1] + y) * shape[2] + start[2] + x;
          const weight = windows[0]![z]! * windows[1]![y]! * windows[2]![x]!;
          // Of cropped patches that still meet, the later one counts.
          this.#weights[to] = crop ? 1 : this.#weights[to]! + weight;
          for (let c = 0; c < this.#channels; c++) {
            const value = data[c * size + from]! * weight;
            const k = c * voxels + to;
            this.#sum[k] = crop ? value : this.#sum[k]! + value;
          }
        }
  }

  /** [C, z, y, x]. Throws: TransformError while voxels are missing. */
  result(): Float32Array {
    const voxels = this.#weights.length;
    const missing = this.#weights.indexOf(0);
    if (missing >= 0)
      throw new TransformError(
        'PatchAggregator: some voxels are in no patch yet; add every patch of patchStarts first.',
        {
          voxel: missing,
        },
      );
    return Float32Array.from(this.#sum, (value, k) => value / this.#weights[k % voxels]!);
  }
}

/** A Hann window over n + 2 points without its zeros at the ends. */
function hann(n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (k + 1)) / (n + 1)));
}
