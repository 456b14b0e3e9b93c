/** Memory of surface scores, taken once for many classes. */
import { DistanceBuffers, type PerAxis, voxelCount } from '@voxelwise/volume';

/** Bytes per voxel or cell that a class needs at a time: two masks, and their surfaces or cell codes. */
const BYTE_VOLUMES = 4;

/** Buffers that grow to the largest class and are used again for the next: what one gave is overwritten by its next call. */
export class SurfaceBuffers {
  readonly distance = new DistanceBuffers();
  readonly #bytes: Uint8Array[] = [];
  readonly #distances: Float64Array[] = [];
  #rows = new Float64Array(0);

  /** Byte volume 0 … 3, all 0. 0 and 1 hold masks, 2 and 3 what is made of them. */
  bytes(volume: 0 | 1 | 2 | 3, size: number): Uint8Array {
    const known = this.#bytes[volume];
    if (known === undefined || known.length < size) return (this.#bytes[volume] = new Uint8Array(size));
    return known.subarray(0, size).fill(0);
  }

  /** Distances of the prediction's (0) or the reference's (1) surface voxels; what they held before may still be there. */
  distances(side: 0 | 1, size: number): Float64Array {
    const known = this.#distances[side];
    if (known === undefined || known.length < size) return (this.#distances[side] = new Float64Array(size));
    return known.subarray(0, size);
  }

  /** One number per row of voxels; what they held before may still be there. */
  rows(count: number): Float64Array {
    if (this.#rows.length < count) this.#rows = new Float64Array(count);
    return this.#rows;
  }

  /** Makes room for masks of each of these shapes, so that nothing but the distances grows later. */
  reserve(shapes: readonly PerAxis[]): void {
    const cells = shapes.map((shape) => cellShape(shape));
    const most = (size: (shape: PerAxis) => number): number => Math.max(0, ...cells.map(size));
    for (const volume of [0, 1, 2, 3] as const) this.bytes(volume, most(voxelCount));
    this.rows(most(([depth, height]) => depth * height));
    this.distance.reserve(cells);
  }

  /** Bytes that masks of this shape take, distances aside. */
  static bytes(shape: PerAxis): number {
    const cells = cellShape(shape);
    return BYTE_VOLUMES * voxelCount(cells) + 8 * cells[0] * cells[1] + DistanceBuffers.bytes(cells);
  }
}

/** Cells between voxels, background outside: one more than voxels along each axis; a 2D image (`flat`) stays one slice. */
export function cellShape([depth, height, width]: PerAxis, flat = false): PerAxis {
  return [flat ? 1 : depth + 1, height + 1, width + 1];
}
