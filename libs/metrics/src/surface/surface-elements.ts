/**
 * How much surface lies between eight neighboring voxels: the marching-cubes surface through the edge midpoints of the
 * cube their centers span, as area vectors so that any spacing can be applied.
 *
 * The same areas as the tables of DeepMind's surface-distance (Nikolov 2018), built here from their rule: at an
 * ambiguous face the corners of the rarer kind are kept apart, loops that are not flat are triangulated with the
 * greatest area, and a cube and its complement have the same surface. Source: Lorensen & Cline 1987.
 */
import type { PerAxis } from '@voxelwise/volume';

type Vector = readonly [number, number, number];

/** Bit of the corner at [z, y, x] in the code of a cube. */
export function cornerBit(z: number, y: number, x: number): number {
  return 128 >> (4 * z + 2 * y + x);
}

/** Area of the surface inside a cube, by code, for voxels of the given spacing. In mm². */
export function surfaceAreas([sz, sy, sx]: PerAxis): Float64Array {
  const scale = [sy * sx, sz * sx, sz * sy] as const;
  return Float64Array.from({ length: 256 }, (_, code) =>
    elements(code).reduce((area, n) => area + Math.hypot(n[0] * scale[0], n[1] * scale[1], n[2] * scale[2]), 0),
  );
}

/** Length of the contour inside a square of four pixels, by code (bits 8 4 2 1 for [0,0] [0,1] [1,0] [1,1]). In mm. */
export function contourLengths([, sy, sx]: PerAxis): Float64Array {
  const corner = Math.hypot(sy / 2, sx / 2);
  return Float64Array.from({ length: 16 }, (_, code) => {
    if (code === 0 || code === 15) return 0;
    if (code === 0b1100 || code === 0b0011) return sx;
    if (code === 0b1010 || code === 0b0101) return sy;
    return code === 0b1001 || code === 0b0110 ? 2 * corner : corner;
  });
}

/** Area vectors of the triangles in a cube of spacing 1. */
function elements(code: number): Vector[] {
  const corners = [...code.toString(2)].filter((bit) => bit === '1').length;
  return loops(corners > 4 ? 255 - code : code).flatMap((loop) => triangulate(loop).triangles);
}

/** The closed lines in which the surface meets the faces of a cube: edge midpoints in order. */
function loops(code: number): Vector[][] {
  const points = new Map<string, { readonly at: Vector; readonly joined: string[] }>();
  const join = (from: Vector, to: Vector): void => {
    const point = points.get(String(from)) ?? { at: from, joined: [] };
    point.joined.push(String(to));
    points.set(String(from), point);
  };
  for (let axis = 0; axis < 3; axis++)
    for (const side of [0, 1])
      for (const [a, b] of faceSegments(code, axis, side)) {
        join(a, b);
        join(b, a);
      }
  const found: Vector[][] = [];
  const open = new Set(points.keys());
  for (const start of points.keys()) {
    const loop: Vector[] = [];
    for (let key: string | undefined = start; key !== undefined && open.delete(key);) {
      const point: { readonly at: Vector; readonly joined: readonly string[] } = points.get(key)!;
      loop.push(point.at);
      key = point.joined.find((next) => open.has(next));
    }
    if (loop.length > 0) found.push(loop);
  }
  return found;
}

/** The segments on one face: one between its two crossed edges, or one around each inside corner if all four are crossed. */
function faceSegments(code: number, axis: number, side: number): [Vector, Vector][] {
  const ring = [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ].map(([u, v]) => {
    const place = [u!, v!];
    place.splice(axis, 0, side);
    return place as unknown as Vector;
  });
  const inside = ring.map(([z, y, x]) => (code & cornerBit(z, y, x)) !== 0);
  const midpoint = (i: number): Vector => {
    const [a, b] = [ring[i]!, ring[(i + 1) % 4]!];
    return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2];
  };
  const crossed = [0, 1, 2, 3].filter((i) => inside[i] !== inside[(i + 1) % 4]);
  if (crossed.length === 2) return [[midpoint(crossed[0]!), midpoint(crossed[1]!)]];
  if (crossed.length === 0) return [];
  return [0, 1, 2, 3].filter((i) => inside[i]).map((i) => [midpoint((i + 3) % 4), midpoint(i)]);
}

interface Triangulation {
  readonly area: number;
  readonly triangles: Vector[];
}

/** The triangulation of a loop with the greatest area. */
function triangulate(loop: readonly Vector[], first = 0, last = loop.length - 1): Triangulation {
  let best: Triangulation = { area: -1, triangles: [] };
  if (last - first < 2) return { area: 0, triangles: [] };
  for (let middle = first + 1; middle < last; middle++) {
    const [left, right] = [triangulate(loop, first, middle), triangulate(loop, middle, last)];
    const vector = areaVector(loop[first]!, loop[middle]!, loop[last]!);
    const area = left.area + right.area + Math.hypot(...vector);
    if (area > best.area + 1e-9) best = { area, triangles: [...left.triangles, vector, ...right.triangles] };
  }
  return best;
}

function areaVector(a: Vector, b: Vector, c: Vector): Vector {
  const [u, v] = [
    [b[0] - a[0], b[1] - a[1], b[2] - a[2]],
    [c[0] - a[0], c[1] - a[1], c[2] - a[2]],
  ] as [Vector, Vector];
  return [(u[1] * v[2] - u[2] * v[1]) / 2, (u[2] * v[0] - u[0] * v[2]) / 2, (u[0] * v[1] - u[1] * v[0]) / 2];
}
