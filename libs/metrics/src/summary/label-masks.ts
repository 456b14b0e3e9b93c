/** Masks of classes and regions cut out of two label maps, each in its own box, so that many classes cost little more than one. */
import { type Box, boxShape, labelBoxes, type PerAxis, unionBox } from '@voxelwise/volume';
import type { LabelOrRegion } from '../overlap/confusion.ts';
import type { MaskPair } from '../surface/masks.ts';

/** Two label maps [z, y, x], with the boxes of their labels found in one pass. */
export class LabelMaskCutter {
  readonly #prediction: ArrayLike<number>;
  readonly #reference: ArrayLike<number>;
  readonly #shape: PerAxis;
  readonly #ignoreLabel: number | undefined;
  readonly #boxes: ReadonlyMap<number, Box>;

  constructor(prediction: ArrayLike<number>, reference: ArrayLike<number>, shape: PerAxis, ignoreLabel?: number) {
    this.#prediction = prediction;
    this.#reference = reference;
    this.#shape = shape;
    this.#ignoreLabel = ignoreLabel;
    this.#boxes = labelBoxes([prediction, reference], shape);
  }

  /**
   * The masks of a class or region in the box around both; 2D images stay one slice, others are at least two thick, for
   * a single slice of a volume has a surface above and below. Voxels whose reference is ignored belong to neither.
   */
  masks(label: LabelOrRegion): MaskPair {
    const members = new Set(typeof label === 'number' ? [label] : label);
    const found = [...members].flatMap((member) => this.#boxes.get(member) ?? []);
    const box = unionBox(found) ?? { start: [0, 0, 0], end: [1, 1, 1] };
    const [z0, y0, x0] = box.start;
    const [depth, height, width] = boxShape(box);
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
}
