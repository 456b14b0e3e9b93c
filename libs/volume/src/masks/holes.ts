/** Filling holes: background that cannot be reached from outside the array through voxel faces becomes foreground. */
import type { PerAxis } from '../volume.ts';

/** What the flood leaves behind: 0 not reached (a hole), 1 foreground, 2 reached from outside. */
const REACHED = 2;

/**
 * Fills the holes of a mask [z, y, x] in place: its zeros that no path of face neighbors joins to the array's border.
 *
 * In an array of one slice every voxel touches the outside, so nothing is filled. Same as scipy's
 * `binary_fill_holes` on a 3D array.
 */
export function fillHoles(mask: Uint8Array, shape: PerAxis): void {
  const [depth, height, width] = shape;
  if (depth <= 2 || height <= 2 || width <= 2) return;
  const flood = new RowFlood(mask, shape);
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++) {
      const row = (z * height + y) * width;
      if (z === 0 || z === depth - 1 || y === 0 || y === height - 1) flood.pushZeroRuns(row, 0, width - 1);
      else {
        if (mask[row] === 0) flood.push(row);
        if (mask[row + width - 1] === 0) flood.push(row + width - 1);
      }
      flood.run();
    }
  for (let i = 0; i < mask.length; i++) mask[i] = mask[i] === REACHED ? 0 : 1;
}

/** A flood that marks whole runs along x, so that its stack holds runs and not voxels. */
class RowFlood {
  readonly #mask: Uint8Array;
  readonly #shape: PerAxis;
  #stack = new Int32Array(1024);
  #size = 0;

  constructor(mask: Uint8Array, shape: PerAxis) {
    this.#mask = mask;
    this.#shape = shape;
  }

  push(voxel: number): void {
    if (this.#size === this.#stack.length) {
      const larger = new Int32Array(2 * this.#size);
      larger.set(this.#stack);
      this.#stack = larger;
    }
    this.#stack[this.#size++] = voxel;
  }

  /** Pushes the first voxel of every run of zeros between x = first and x = last of a row. */
  pushZeroRuns(row: number, first: number, last: number): void {
    const mask = this.#mask;
    for (let i = row + first; i <= row + last; i++) {
      if (mask[i] !== 0) continue;
      this.push(i);
      while (i < row + last && mask[i + 1] === 0) i++;
    }
  }

  run(): void {
    const [depth, height, width] = this.#shape;
    const mask = this.#mask;
    const slice = height * width;
    while (this.#size > 0) {
      const seed = this.#stack[--this.#size]!;
      if (mask[seed] !== 0) continue;
      const x = seed % width;
      const row = seed - x;
      let first = x;
      while (first > 0 && mask[row + first - 1] === 0) first--;
      let last = x;
      while (last < width - 1 && mask[row + last + 1] === 0) last++;
      mask.fill(REACHED, row + first, row + last + 1);
      const y = (row / width) % height;
      const z = Math.floor(row / slice);
      if (y > 0) this.pushZeroRuns(row - width, first, last);
      if (y < height - 1) this.pushZeroRuns(row + width, first, last);
      if (z > 0) this.pushZeroRuns(row - slice, first, last);
      if (z < depth - 1) this.pushZeroRuns(row + slice, first, last);
    }
  }
}
