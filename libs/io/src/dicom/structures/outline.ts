/**
 * Masks to polygons that give back the same mask: marching squares through the midpoints between neighboring pixel centers.
 *
 * Touching corners are not joined. Holes are cut in by keyholes (two coinciding edges to the outline around them), the
 * technique PS3.3 C.8.8.6.3 describes, so that readers which join contours and readers which exclude inner ones agree.
 */
import type { Polygon } from './rasterize.ts';

export interface MaskSlice {
  readonly rows: number;
  readonly columns: number;
  /** 1 inside. */
  readonly values: Uint8Array;
}

/** From and to, as top 0, right 1, bottom 2, left 3 of a cell; the shape keeps to one side. Index: top left 1, top right 2, bottom right 4, bottom left 8. */
const steps: readonly (readonly (readonly [number, number])[])[] = [
  [],
  [[3, 0]],
  [[0, 1]],
  [[3, 1]],
  [[1, 2]],
  [
    [3, 0],
    [1, 2],
  ],
  [[0, 2]],
  [[3, 2]],
  [[2, 3]],
  [[2, 0]],
  [
    [0, 1],
    [2, 3],
  ],
  [[2, 1]],
  [[1, 3]],
  [[1, 0]],
  [[0, 3]],
  [],
];

/** Follows every outline of a mask; vertices are numbered y2 × stride + x2 in half pixels. */
function loops({ rows, columns, values }: MaskSlice, stride: number): number[][] {
  const inside = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < columns && y < rows && values[y * columns + x] !== 0;
  const next = new Map<number, number>();
  for (let y = -1; y < rows; y++) {
    for (let x = -1; x < columns; x++) {
      const cell =
        (inside(x, y) ? 1 : 0) |
        (inside(x + 1, y) ? 2 : 0) |
        (inside(x + 1, y + 1) ? 4 : 0) |
        (inside(x, y + 1) ? 8 : 0);
      if (cell === 0 || cell === 15) continue;
      // Half-pixel coordinates, moved by 2 so that the border outside the image stays positive.
      const sides = [
        [2 * x + 3, 2 * y + 2],
        [2 * x + 4, 2 * y + 3],
        [2 * x + 3, 2 * y + 4],
        [2 * x + 2, 2 * y + 3],
      ] as const;
      for (const [from, to] of steps[cell]!)
        next.set(sides[from]![1] * stride + sides[from]![0], sides[to]![1] * stride + sides[to]![0]);
    }
  }
  const found: number[][] = [];
  for (const start of next.keys()) {
    if (!next.has(start)) continue;
    const loop: number[] = [];
    for (let at = start; next.has(at);) {
      const to = next.get(at)!;
      next.delete(at);
      loop.push(at);
      at = to;
    }
    found.push(loop);
  }
  return found;
}

/** Twice the signed area: outlines of shapes are negative, of holes positive. */
function area(loop: readonly number[], stride: number): number {
  let sum = 0;
  for (let i = 0; i < loop.length; i++) {
    const [a, b] = [loop[i]!, loop[(i + 1) % loop.length]!];
    sum += (a % stride) * Math.floor(b / stride) - (b % stride) * Math.floor(a / stride);
  }
  return sum;
}

function withKeyholes(all: readonly number[][], mask: MaskSlice, stride: number): number[][] {
  const outer = all.filter((loop) => area(loop, stride) < 0);
  const owner = new Map<number, number[]>();
  for (const loop of outer) for (const vertex of loop) owner.set(vertex, loop);
  const leftmost = (loop: readonly number[]): number =>
    loop.reduce((best, v) => (v % stride < best % stride ? v : best));
  const holes = all
    .filter((loop) => area(loop, stride) > 0)
    .sort((a, b) => (leftmost(a) % stride) - (leftmost(b) % stride));
  for (const hole of holes) {
    const from = leftmost(hole);
    const y = (Math.floor(from / stride) - 2) / 2;
    let x = ((from % stride) - 3) / 2;
    while (x >= 0 && mask.values[y * mask.columns + x] !== 0) x--;
    const hit = Math.floor(from / stride) * stride + 2 * x + 3;
    const host = owner.get(hit)!;
    const start = hole.indexOf(from);
    const cut = host.indexOf(hit);
    host.splice(cut + 1, 0, ...hole.slice(start), ...hole.slice(0, start), from, hit);
    for (const vertex of hole) owner.set(vertex, host);
  }
  return outer;
}

/** Leaves out vertices in the middle of straight runs. */
function simplified(loop: readonly number[], stride: number): Polygon {
  const points: number[] = [];
  const n = loop.length;
  for (let i = 0; i < n; i++) {
    const [p, q, r] = [loop[(i + n - 1) % n]!, loop[i]!, loop[(i + 1) % n]!];
    const [ax, ay] = [(q % stride) - (p % stride), Math.floor(q / stride) - Math.floor(p / stride)];
    const [bx, by] = [(r % stride) - (q % stride), Math.floor(r / stride) - Math.floor(q / stride)];
    if (ax * by - ay * bx !== 0 || ax * bx + ay * by < 0)
      points.push(((q % stride) - 2) / 2, (Math.floor(q / stride) - 2) / 2);
  }
  return Float64Array.from(points);
}

/** The outlines of a mask in pixel units (pixel centers are whole numbers), one polygon per connected shape. */
export function outlines(mask: MaskSlice): readonly Polygon[] {
  const stride = 2 * mask.columns + 4;
  return withKeyholes(loops(mask, stride), mask, stride).map((loop) => simplified(loop, stride));
}
