/** Connected components of a mask, and keeping the largest of them. */
import { GeometryError } from '../errors.ts';
import type { PerAxis } from '../volume.ts';

/** Neighbors that count as touching: 6 share a face, 18 an edge too, 26 a corner too. In one slice: 4, 8, 8. */
export type Connectivity = 6 | 18 | 26;

export interface Components {
  /** 0 outside the mask, else 1 … count, numbered by first voxel in C order; [z, y, x]. */
  readonly labels: Int32Array;
  /** Voxels of component i + 1. */
  readonly sizes: readonly number[];
}

/** The connected components of the non-zero voxels of [z, y, x]. Throws: GeometryError if length and shape differ. */
export function connectedComponents(
  mask: ArrayLike<number>,
  shape: PerAxis,
  connectivity: Connectivity = 26,
): Components {
  const [depth, height, width] = shape;
  if (mask.length !== depth * height * width)
    throw new GeometryError(`connectedComponents: ${mask.length} voxels do not fill the shape [${shape.join(', ')}].`, {
      shape,
    });
  const labels = new Int32Array(mask.length);
  const parents = new Forest();
  const before = earlierNeighbors(connectivity);
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (mask[i] === 0) continue;
        let label = 0;
        for (const [dz, dy, dx] of before) {
          if (z + dz < 0 || y + dy < 0 || y + dy >= height || x + dx < 0 || x + dx >= width) continue;
          const other = labels[i + (dz * height + dy) * width + dx]!;
          if (other === 0 || other === label) continue;
          label = label === 0 ? parents.root(other) : parents.join(label, other);
        }
        labels[i] = label === 0 ? parents.plant() : label;
      }
  return renumber(labels, parents);
}

/** Sets the voxels of all components smaller than the largest to 0, in place; components of equal size all stay. */
export function keepLargestComponents(mask: Uint8Array, shape: PerAxis, connectivity: Connectivity = 26): void {
  const { labels, sizes } = connectedComponents(mask, shape, connectivity);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0 && sizes[labels[i]! - 1]! < largest) mask[i] = 0;
}

/** Offsets to those neighbors that come earlier in C order. */
function earlierNeighbors(connectivity: Connectivity): readonly PerAxis[] {
  const reach = { 6: 1, 18: 2, 26: 3 }[connectivity];
  const offsets: PerAxis[] = [];
  for (let dz = -1; dz <= 0; dz++)
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) {
        const earlier = dz < 0 || (dz === 0 && (dy < 0 || (dy === 0 && dx < 0)));
        if (earlier && Math.abs(dz) + Math.abs(dy) + Math.abs(dx) <= reach) offsets.push([dz, dy, dx]);
      }
  return offsets;
}

function renumber(labels: Int32Array, parents: Forest): Components {
  const numbers = new Int32Array(parents.size);
  const sizes: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === 0) continue;
    const root = parents.root(labels[i]!);
    if (numbers[root] === 0) numbers[root] = sizes.push(0);
    labels[i] = numbers[root]!;
    sizes[labels[i]! - 1]!++;
  }
  return { labels, sizes };
}

/** Union-find over provisional labels 1, 2, …; the smaller label is the root. */
class Forest {
  #parents = new Int32Array(1024);
  #size = 1;

  get size(): number {
    return this.#size;
  }

  plant(): number {
    if (this.#size === this.#parents.length) {
      const larger = new Int32Array(2 * this.#size);
      larger.set(this.#parents);
      this.#parents = larger;
    }
    this.#parents[this.#size] = this.#size;
    return this.#size++;
  }

  root(label: number): number {
    const parents = this.#parents;
    while (parents[label] !== label) {
      parents[label] = parents[parents[label]!]!;
      label = parents[label]!;
    }
    return label;
  }

  join(a: number, b: number): number {
    const rootA = this.root(a);
    const rootB = this.root(b);
    const [low, high] = rootA < rootB ? [rootA, rootB] : [rootB, rootA];
    this.#parents[high] = low;
    return low;
  }
}
