/** Masks of classes and regions cut out of two label maps, each in its own box, so that many classes cost little more than one. */
import { type Box, boxShape, labelBoxes, type PerAxis, unionBox } from '@voxelwise/volume';
import type { LabelOrRegion } from '../overlap/confusion.ts';
import type { CutMasks } from '../surface/masks.ts';
import type { SurfaceBuffers } from '../surface/surface-buffers.ts';

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
   * The masks of a class or region in the box around both, in byte volumes 0 and 1 of `buffers`. Voxels whose reference
   * is ignored belong to neither.
   */
  masks(label: LabelOrRegion, buffers: SurfaceBuffers): CutMasks {
    const members = membersOf(label);
    const { start, end } = this.#tightBox(members);
    const shape = boxShape({ start, end });
    const size = shape[0] * shape[1] * shape[2];
    const [prediction, reference] = [buffers.bytes(0, size), buffers.bytes(1, size)];
    const [one] = members.size === 1 ? members : [];
    for (let z = start[0], to = 0; z < end[0]; z++)
      for (let y = start[1]; y < end[1]; y++) {
        let from = (z * this.#shape[1] + y) * this.#shape[2] + start[2];
        for (let x = start[2]; x < end[2]; x++, from++, to++) {
          const [predicted, known] = [this.#prediction[from]!, this.#reference[from]!];
          if (known === this.#ignoreLabel) continue;
          if (one === undefined ? members.has(predicted) : predicted === one) prediction[to] = 1;
          if (one === undefined ? members.has(known) : known === one) reference[to] = 1;
        }
      }
    return { prediction, reference, shape, flat: this.#shape[0] === 1 };
  }

  /** The shape of the box around a class or region in both maps; at least one voxel. */
  boxShape(label: LabelOrRegion): PerAxis {
    return boxShape(this.#box(membersOf(label)));
  }

  #box(members: ReadonlySet<number>): Box {
    return (
      unionBox([...members].flatMap((member) => this.#boxes.get(member) ?? [])) ?? { start: [0, 0, 0], end: [1, 1, 1] }
    );
  }

  /** The box without what is ignored. */
  #tightBox(members: ReadonlySet<number>): Box {
    const box = this.#box(members);
    if (this.#ignoreLabel === undefined) return box;
    const [start, end] = [[...box.end], [...box.start]];
    for (let z = box.start[0]; z < box.end[0]; z++)
      for (let y = box.start[1]; y < box.end[1]; y++)
        for (let x = box.start[2]; x < box.end[2]; x++) {
          const i = (z * this.#shape[1] + y) * this.#shape[2] + x;
          if (this.#reference[i] === this.#ignoreLabel) continue;
          if (!members.has(this.#prediction[i]!) && !members.has(this.#reference[i]!)) continue;
          [z, y, x].forEach((at, axis) => {
            start[axis] = Math.min(start[axis]!, at);
            end[axis] = Math.max(end[axis]!, at + 1);
          });
        }
    if (end[0]! <= start[0]!) return { start: [0, 0, 0], end: [1, 1, 1] };
    return { start, end } as unknown as Box;
  }
}

function membersOf(label: LabelOrRegion): ReadonlySet<number> {
  return new Set(typeof label === 'number' ? [label] : label);
}
