/** Masks of classes and regions cut out of two label maps, each in its own box, so that many classes cost little more than one. */
import type { PerAxis } from '@voxelwise/volume';
import type { LabelOrRegion } from '../overlap/confusion.ts';
import type { MaskPair } from '../surface/masks.ts';

/** Six numbers per label: first and last index along z, y, x. */
type Extents = ReadonlyMap<number, Int32Array>;

/** Two label maps [z, y, x], with the boxes of their labels found in one pass. */
export class LabelMaskCutter {
  readonly #prediction: ArrayLike<number>;
  readonly #reference: ArrayLike<number>;
  readonly #shape: PerAxis;
  readonly #ignoreLabel: number | undefined;
  readonly #extents: Extents;

  constructor(prediction: ArrayLike<number>, reference: ArrayLike<number>, shape: PerAxis, ignoreLabel?: number) {
    this.#prediction = prediction;
    this.#reference = reference;
    this.#shape = shape;
    this.#ignoreLabel = ignoreLabel;
    const extents = new Map<number, Int32Array>();
    extend(extents, prediction, shape);
    extend(extents, reference, shape);
    this.#extents = extents;
  }

  /**
   * The masks of a class or region in the box around both; 2D images stay one slice, others are at least two thick, for
   * a single slice of a volume has a surface above and below. Voxels whose reference is ignored belong to neither.
   */
  masks(label: LabelOrRegion): MaskPair {
    const members = new Set(typeof label === 'number' ? [label] : label);
    const [z0, z1, y0, y1, x0, x1] = this.#box(members);
    const [depth, height, width] = [z1 - z0 + 1, y1 - y0 + 1, x1 - x0 + 1];
    // Beyond the image lies background, so a slice may be added without reading one.
    const shape: PerAxis = [this.#shape[0] === 1 ? 1 : Math.max(depth, 2), height, width];
    const [prediction, reference] = [0, 1].map(() => new Uint8Array(shape[0] * height * width)) as [
      Uint8Array,
      Uint8Array,
    ];
    for (let z = 0, to = 0; z < depth; z++)
      for (let y = 0; y < height; y++) {
        let from = ((z + z0) * this.#shape[1] + y + y0) * this.#shape[2] + x0;
        for (let x = 0; x < width; x++, from++, to++) {
          if (this.#reference[from] === this.#ignoreLabel) continue;
          if (members.has(this.#prediction[from]!)) prediction[to] = 1;
          if (members.has(this.#reference[from]!)) reference[to] = 1;
        }
      }
    return { prediction, reference, shape };
  }

  #box(members: ReadonlySet<number>): [number, number, number, number, number, number] {
    const found = [...members].flatMap((label) => this.#extents.get(label) ?? []);
    if (found.length === 0) return [0, 0, 0, 0, 0, 0];
    const bound = (i: number): number =>
      i % 2 === 0 ? Math.min(...found.map((extent) => extent[i]!)) : Math.max(...found.map((extent) => extent[i]!));
    return [bound(0), bound(1), bound(2), bound(3), bound(4), bound(5)];
  }
}

function extend(extents: Map<number, Int32Array>, labels: ArrayLike<number>, [depth, height, width]: PerAxis): void {
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width;) {
        const label = labels[i]!;
        let run = 1;
        while (x + run < width && labels[i + run] === label) run++;
        include(extents, label, [z, z, y, y, x, x + run - 1]);
        x += run;
        i += run;
      }
}

function include(extents: Map<number, Int32Array>, label: number, box: readonly number[]): void {
  const extent = extents.get(label);
  if (extent === undefined) extents.set(label, Int32Array.from(box));
  else
    for (let k = 0; k < 6; k++) extent[k] = k % 2 === 0 ? Math.min(extent[k]!, box[k]!) : Math.max(extent[k]!, box[k]!);
}
