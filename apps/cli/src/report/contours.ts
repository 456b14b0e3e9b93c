/** Outlines of a label in a slice as an SVG path: marching squares at half height between voxel centers. */

/** Edges crossed per corner pattern (bits: top-left, top-right, bottom-right, bottom-left): top 0, right 1, bottom 2, left 3. */
const SEGMENTS: readonly (readonly (readonly [number, number])[])[] = [
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
const MIDDLE: readonly (readonly [number, number])[] = [
  [0.5, 0],
  [1, 0.5],
  [0.5, 1],
  [0, 0.5],
];

/**
 * Path of the boundary of `inside` in a slice of `height` x `width` pixels, in pixel units with pixel (0, 0) centered at
 * (0.5, 0.5). Closed loops, so it can be filled.
 */
export function contourPath(inside: (row: number, column: number) => boolean, height: number, width: number): string {
  const at = (r: number, c: number): boolean => r >= 0 && c >= 0 && r < height && c < width && inside(r, c);
  const next = new Map<string, string[]>();
  const key = (x: number, y: number): string => `${x} ${y}`;
  for (let r = -1; r < height; r++)
    for (let c = -1; c < width; c++) {
      const pattern = (at(r, c) ? 1 : 0) | (at(r, c + 1) ? 2 : 0) | (at(r + 1, c + 1) ? 4 : 0) | (at(r + 1, c) ? 8 : 0);
      for (const [from, to] of SEGMENTS[pattern]!) {
        const a = key(c + 0.5 + MIDDLE[from]![0], r + 0.5 + MIDDLE[from]![1]);
        const b = key(c + 0.5 + MIDDLE[to]![0], r + 0.5 + MIDDLE[to]![1]);
        const list = next.get(a);
        if (list) list.push(b);
        else next.set(a, [b]);
      }
    }
  let path = '';
  for (const start of next.keys()) {
    let here = start;
    let loop = '';
    for (;;) {
      const list = next.get(here);
      const there = list?.pop();
      if (there === undefined) break;
      loop += `${loop === '' ? 'M' : 'L'}${here}`;
      here = there;
    }
    if (loop !== '') path += `${loop}Z`;
  }
  return path;
}
