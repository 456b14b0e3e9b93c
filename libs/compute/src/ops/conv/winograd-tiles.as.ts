// Winograd's transforms of image tiles, F(4x4, 3x3) and F(2x2, 3x3) (Lavin and Gray, Fast Algorithms for Convolutional Neural
// Networks, 2015), the latter at the points 0, ±1, ∞, the former at 0, ±√½, ±√2, ∞: three times as exact as with ±1, ±2. Four channels at a time.
//
// An image is transformed strip by strip: the voxels of a few tiles side by side, first across slices (where depth is transformed),
// then down the columns, which tiles share, then along the rows of each tile.
// `position` p = 6 i + j (4 i + j for F2) of a transformed tile is stored `stride` bytes after position p - 1.

import { madd } from '../../devices/wasm/simd.as';

/**
 * A thread's scratch: 36 vectors for one tile, four slices of 36 vectors for a joined product, then (here) a voxel of zeros that
 * the caller keeps zero, and 64 bytes on a strip of voxels one tile high, of every z-position.
 */
export const WINOGRAD_ZEROS: usize = 576 + 2304;

/** The points of F(4, 3) besides 0 and ∞: ± INNER, ± OUTER. */
export const INNER: f32 = 0.7071067811865476;
export const OUTER: f32 = 1.4142135623730951;

/** Bᵀ of F(4, 3): six vectors, `step` bytes apart, to six, `toStep` apart. */
@inline function inputLine4(from: usize, step: usize, to: usize, toStep: usize): void {
  const d0 = v128.load(from); from += step;
  const d1 = v128.load(from); from += step;
  const d2 = v128.load(from); from += step;
  const d3 = v128.load(from); from += step;
  const d4 = v128.load(from); from += step;
  const d5 = v128.load(from);
  const half = f32x4.splat(-0.5), two = f32x4.splat(-2), sum = f32x4.splat(-2.5);
  const a = madd(d2, two, d4), b = madd(d1, two, d3), c = madd(d2, half, d4), d = madd(d1, half, d3);
  v128.store(to, madd(d2, sum, f32x4.add(d0, d4))); to += toStep;
  v128.store(to, madd(b, f32x4.splat(INNER), a)); to += toStep;
  v128.store(to, madd(b, f32x4.splat(-INNER), a)); to += toStep;
  v128.store(to, madd(d, f32x4.splat(OUTER), c)); to += toStep;
  v128.store(to, madd(d, f32x4.splat(-OUTER), c)); to += toStep;
  v128.store(to, madd(d3, sum, f32x4.add(d1, d5)));
}

/** Bᵀ of F(2, 3): four vectors to four. */
@inline function inputLine2(from: usize, step: usize, to: usize, toStep: usize): void {
  const d0 = v128.load(from); from += step;
  const d1 = v128.load(from); from += step;
  const d2 = v128.load(from); from += step;
  const d3 = v128.load(from);
  v128.store(to, f32x4.sub(d0, d2)); to += toStep;
  v128.store(to, f32x4.add(d1, d2)); to += toStep;
  v128.store(to, f32x4.sub(d2, d1)); to += toStep;
  v128.store(to, f32x4.sub(d1, d3));
}

/** A of F(4, 3): four vectors, `step` bytes apart, to six, `toStep` apart. */
@inline function adjointLine4(from: usize, step: usize, to: usize, toStep: usize): void {
  const y0 = v128.load(from); from += step;
  const y1 = v128.load(from); from += step;
  const y2 = v128.load(from); from += step;
  const y3 = v128.load(from);
  const half = f32x4.splat(0.5), two = f32x4.splat(2);
  const a = madd(y2, half, y0), b = madd(y3, half, y1), c = madd(y2, two, y0), d = madd(y3, two, y1);
  v128.store(to, y0); to += toStep;
  v128.store(to, madd(b, f32x4.splat(INNER), a)); to += toStep;
  v128.store(to, madd(b, f32x4.splat(-INNER), a)); to += toStep;
  v128.store(to, madd(d, f32x4.splat(OUTER), c)); to += toStep;
  v128.store(to, madd(d, f32x4.splat(-OUTER), c)); to += toStep;
  v128.store(to, y3);
}

/** A of F(2, 3): two vectors to four. */
@inline function adjointLine2(from: usize, step: usize, to: usize, toStep: usize): void {
  const y0 = v128.load(from), y1 = v128.load(from + step);
  v128.store(to, y0); to += toStep;
  v128.store(to, f32x4.add(y0, y1)); to += toStep;
  v128.store(to, f32x4.sub(y0, y1)); to += toStep;
  v128.store(to, f32x4.sub(f32x4.splat(0), y1));
}

/**
 * `count` lines of F(m, 3): of x its Bᵀ, of a gradient (`adjoint`) its A. A line reads vectors `step` bytes apart, and all of them
 * before it writes vectors `toStep` apart; the next line lies `next` and `toNext` bytes on.
 */
function transformLines(adjoint: bool, m: i32, count: i32, from: usize, next: usize, step: usize, to: usize, toNext: usize, toStep: usize): void {
  const end = from + <usize>count * next;
  if (m == 4) {
    if (adjoint) for (; from < end; from += next) {
        adjointLine4(from, step, to, toStep);
        to += toNext;
      }
    else for (; from < end; from += next) {
        inputLine4(from, step, to, toStep);
        to += toNext;
      }
  } else if (adjoint) for (; from < end; from += next) {
      adjointLine2(from, step, to, toStep);
      to += toNext;
    }
  else for (; from < end; from += next) {
      inputLine2(from, step, to, toStep);
      to += toNext;
    }
}

/**
 * Aᵀ M A + bias: a tile of m² output voxels, 32 bytes apart in x and `pitch` in y, of which `rows` x `columns` exist.
 * Only the first `channels` of the four are not padding; the others become zero.
 */
export function winograd_output(m: i32, from: usize, stride: usize, scratch: usize, to: usize, pitch: usize, rows: i32, columns: i32, biasAt: usize, channels: i32): void {
  const bias = v128.load(biasAt);
  const mask = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(channels));
  if (m == 4) output4(from, stride, scratch, to, pitch, rows, columns, bias, mask);
  else output2(from, stride, scratch, to, pitch, rows, columns, bias, mask);
}

/** Aᵀ of F(4, 3): six vectors, `step` bytes apart, to four, `toStep` apart. */
@inline export function output_line4(from: usize, step: usize, to: usize, toStep: usize): void {
  const m0 = v128.load(from); from += step;
  const m1 = v128.load(from); from += step;
  const m2 = v128.load(from); from += step;
  const m3 = v128.load(from); from += step;
  const m4 = v128.load(from); from += step;
  const m5 = v128.load(from);
  const a = f32x4.add(m1, m2), b = f32x4.sub(m1, m2), c = f32x4.add(m3, m4), d = f32x4.sub(m3, m4);
  v128.store(to, f32x4.add(f32x4.add(m0, a), c)); to += toStep;
  v128.store(to, madd(d, f32x4.splat(OUTER), f32x4.mul(b, f32x4.splat(INNER)))); to += toStep;
  v128.store(to, madd(c, f32x4.splat(2), f32x4.mul(a, f32x4.splat(0.5)))); to += toStep;
  v128.store(to, madd(d, f32x4.splat(OUTER * 2), madd(b, f32x4.splat(INNER / 2), m5)));
}

function output4(from: usize, stride: usize, scratch: usize, to: usize, pitch: usize, rows: i32, columns: i32, bias: v128, mask: v128): void {
  const inner = f32x4.splat(INNER), outer = f32x4.splat(OUTER), half = f32x4.splat(0.5), two = f32x4.splat(2);
  const innerCube = f32x4.splat(INNER / 2), outerCube = f32x4.splat(OUTER * 2);
  for (let j: usize = 0; j < 6; j++) output_line4(from + j * stride, stride * 6, scratch + (j << 4), 96);
  const end = scratch + <usize>rows * 96;
  for (let at = scratch; at < end; at += 96) {
    const m0 = v128.load(at), m1 = v128.load(at, 16), m2 = v128.load(at, 32), m3 = v128.load(at, 48), m4 = v128.load(at, 64), m5 = v128.load(at, 80);
    const a = f32x4.add(m1, m2), b = f32x4.sub(m1, m2), c = f32x4.add(m3, m4), d = f32x4.sub(m3, m4);
    v128.store(to, v128.and(mask, f32x4.add(bias, f32x4.add(f32x4.add(m0, a), c))));
    if (columns > 1) v128.store(to, v128.and(mask, madd(d, outer, madd(b, inner, bias))), 32);
    if (columns > 2) v128.store(to, v128.and(mask, madd(c, two, madd(a, half, bias))), 64);
    if (columns > 3) v128.store(to, v128.and(mask, madd(d, outerCube, madd(b, innerCube, f32x4.add(bias, m5)))), 96);
    to += pitch;
  }
}

function output2(from: usize, stride: usize, scratch: usize, to: usize, pitch: usize, rows: i32, columns: i32, bias: v128, mask: v128): void {
  const row = stride << 2;
  for (let j: usize = 0; j < 4; j++) {
    let at = from + j * stride;
    const m0 = v128.load(at); at += row;
    const m1 = v128.load(at); at += row;
    const m2 = v128.load(at); at += row;
    const m3 = v128.load(at);
    const out = scratch + (j << 4);
    v128.store(out, f32x4.add(f32x4.add(m0, m1), m2));
    v128.store(out, f32x4.sub(f32x4.sub(m1, m2), m3), 64);
  }
  const end = scratch + (<usize>rows << 6);
  for (let at = scratch; at < end; at += 64) {
    const m0 = v128.load(at), m1 = v128.load(at, 16), m2 = v128.load(at, 32), m3 = v128.load(at, 48);
    v128.store(to, v128.and(mask, f32x4.add(bias, f32x4.add(f32x4.add(m0, m1), m2))));
    if (columns > 1) v128.store(to, v128.and(mask, f32x4.add(bias, f32x4.sub(f32x4.sub(m1, m2), m3))), 32);
    to += pitch;
  }
}

/** The factor of slice `k` in z-position `z` of F(q, 3): Bᵀ[z][k], or of its adjoint, A[z][k]. */
function depthFactor(adjoint: bool, q: i32, z: i32, k: i32): f32 {
  if (q == 2) {
    if (adjoint) return z == 3 ? (k == 0 ? 0 : -1) : z == 0 ? (k == 0 ? 1 : 0) : z == 1 || k == 0 ? 1 : -1;
    if (z == 0 || z == 3) return k == z % 2 ? 1 : k == z % 2 + 2 ? -1 : 0;
    return k == 2 ? 1 : k == 1 ? (z == 1 ? 1 : -1) : 0;
  }
  const point: f32 = z < 3 ? (z == 1 ? INNER : -INNER) : z == 3 ? OUTER : -OUTER;
  const square: f32 = z < 3 ? 0.5 : 2;
  if (z == 0 || z == 5) {
    if (adjoint) return k == (z == 0 ? 0 : 3) ? 1 : 0;
    const at = k - z % 2;
    return at == 0 || at == 4 ? 1 : at == 2 ? -2.5 : 0;
  }
  if (adjoint) return k == 0 ? 1 : k == 1 ? point : k == 2 ? square : point * square;
  // x (x + p) (x² - 1 / p²) = x⁴ + p x³ - x² / p² - x / p, for the points of which one is the inverse of the other.
  return k == 4 ? 1 : k == 3 ? point : k == 2 ? -1 / square : k == 1 ? -point / square : 0;
}

/** Tiles of a strip times z-positions, at most: its voxels stay in the first-level cache. */
const STRIP_TILES: i32 = 30;

/**
 * Transforms `layers` × `rows` × `count` tiles of one block of channels, 32 bytes apart at `to`, keeping rows [first, end) of their
 * positions. q = 1: a layer is a slice; else it is q slices (of x: q + 2 that overlap by two), transformed to z-positions
 * [firstZ, endZ) of F(q, 3); only the positions from firstZ on have a place at `to`.
 */
export function winograd_tiles(
  adjoint: bool, m: i32, q: i32, firstZ: i32, endZ: i32, volume: usize, depth: i32, height: i32, width: i32, z0: i32, y0: i32, x0: i32,
  layers: i32, rows: i32, count: i32, first: i32, end: i32, scratch: usize, to: usize, stride: usize,
): void {
  const most = STRIP_TILES / (endZ - firstZ);
  const strips = (count + most - 1) / most;
  for (let layer = 0; layer < layers; layer++)
    for (let row = 0; row < rows; row++)
      for (let strip = 0; strip < strips; strip++) {
        const tile = count * strip / strips, tiles = count * (strip + 1) / strips - tile;
        tileStrip(
          adjoint, m, q, firstZ, endZ, volume, depth, height, width, z0 + q * layer, y0 + row * m, x0 + tile * m, tiles, first, end,
          scratch + WINOGRAD_ZEROS, to, stride,
        );
        to += <usize>tiles << 5;
      }
}

function tileStrip(
  adjoint: bool, m: i32, q: i32, firstZ: i32, endZ: i32, volume: usize, depth: i32, height: i32, width: i32, z0: i32, y0: i32, x0: i32,
  tiles: i32, first: i32, end: i32, zeros: usize, to: usize, stride: usize,
): void {
  const strip = zeros + 64;
  const side = adjoint ? m : m + 2;
  const columns = tiles * m + side - m;
  const plane = <usize>(height * width) << 5, pitch = <usize>columns << 5;
  const positionBytes = <usize>(m + 2) * pitch;
  const inside = y0 >= 0 && y0 + side <= height && x0 >= 0 && x0 + columns <= width;
  const slices = q == 1 ? 1 : adjoint ? q : q + 2;
  if (q > 1 && endZ - firstZ == q + 2 && z0 >= 0 && z0 + slices <= depth) joinPositions(adjoint, q, volume + <usize>z0 * plane, plane, height, width, y0, x0, side, columns, strip, positionBytes);
  else if (q > 1) for (let z = firstZ; z < endZ; z++) joinPosition(adjoint, q, z, volume, plane, depth, height, width, z0, y0, x0, side, columns, zeros, strip + <usize>(z - firstZ) * positionBytes);
  else if (!inside || z0 < 0 || z0 >= depth) copyRows(volume + <usize>z0 * plane, z0 < 0 || z0 >= depth ? 0 : height, width, y0, x0, side, columns, strip);
  const direct = q == 1 && inside && z0 >= 0 && z0 < depth;
  for (let z = firstZ; z < endZ; z++) {
    const at = strip + <usize>(z - firstZ) * positionBytes;
    if (direct) transformLines(adjoint, m, columns << 1, volume + <usize>z0 * plane + (<usize>(y0 * width + x0) << 5), 16, <usize>width << 5, at, 16, pitch);
    else transformLines(adjoint, m, columns << 1, at, 16, pitch, at, 16, pitch);
    for (let row = first; row < end; row++)
      for (let half: usize = 0; half < 32; half += 16)
        transformLines(
          adjoint, m, tiles, at + <usize>row * pitch + half, <usize>m << 5, 32,
          to + <usize>((z - firstZ) * (m + 2) * (m + 2) + (row - first) * (m + 2)) * stride + half, 32, stride,
        );
  }
}

/** Rows y0…, columns x0… of a plane, zeros outside. */
function copyRows(plane: usize, height: i32, width: i32, y0: i32, x0: i32, rows: i32, columns: i32, to: usize): void {
  const left = min(columns, max(0, -x0)), right = max(left, min(columns, width - x0));
  for (let y = y0; y < y0 + rows; y++) {
    clearOutside(y >= 0 && y < height, left, right, columns, to);
    if (y >= 0 && y < height) memory.copy(to + (<usize>left << 5), plane + (<usize>(y * width + x0 + left) << 5), <usize>(right - left) << 5);
    to += <usize>columns << 5;
  }
}

/** Zeros in the columns of a strip's row that lie outside [left, right), or in all of them. */
@inline function clearOutside(inside: bool, left: i32, right: i32, columns: i32, row: usize): void {
  if (!inside) left = right = columns;
  memory.fill(row, 0, <usize>left << 5);
  memory.fill(row + (<usize>right << 5), 0, <usize>(columns - right) << 5);
}

/** The slices from `first` on, all inside, joined to all z-positions, `positionBytes` apart: rows y0…, columns x0…, zeros outside. */
function joinPositions(adjoint: bool, q: i32, first: usize, plane: usize, height: i32, width: i32, y0: i32, x0: i32, rows: i32, columns: i32, to: usize, positionBytes: usize): void {
  const left = min(columns, max(0, -x0)), right = max(left, min(columns, width - x0));
  for (let y = y0; y < y0 + rows; y++) {
    const inside = y >= 0 && y < height;
    for (let z = 0; z < q + 2; z++) clearOutside(inside, left, right, columns, to + <usize>z * positionBytes);
    if (inside)
      transformLines(adjoint, q, (right - left) << 1, first + (<usize>(y * width + x0 + left) << 5), 16, plane, to + (<usize>left << 5), 16, positionBytes);
    to += <usize>columns << 5;
  }
}

/** The slices z0… of a layer joined to z-position z: rows y0…, columns x0…, zeros outside. At most four slices have a part in one. */
function joinPosition(
  adjoint: bool, q: i32, z: i32, volume: usize, plane: usize, depth: i32, height: i32, width: i32, z0: i32, y0: i32, x0: i32,
  rows: i32, columns: i32, zeros: usize, to: usize,
): void {
  let a: usize = 0, b: usize = 0, c: usize = 0, d: usize = 0;
  let fa: f32 = 0, fb: f32 = 0, fc: f32 = 0, fd: f32 = 0;
  const slices = adjoint ? q : q + 2;
  for (let k = 0; k < slices; k++) {
    const factor = depthFactor(adjoint, q, z, k);
    if (factor == 0 || z0 + k < 0 || z0 + k >= depth) continue;
    d = c; c = b; b = a;
    fd = fc; fc = fb; fb = fa;
    a = volume + <usize>(z0 + k) * plane;
    fa = factor;
  }
  const ga = f32x4.splat(fa), gb = f32x4.splat(fb), gc = f32x4.splat(fc), gd = f32x4.splat(fd);
  const left = min(columns, max(0, -x0)), right = max(left, min(columns, width - x0));
  for (let y = y0; y < y0 + rows; y++) {
    const inside = y >= 0 && y < height && a != 0;
    clearOutside(inside, left, right, columns, to);
    if (!inside) {
      to += <usize>columns << 5;
      continue;
    }
    const begin = <usize>(y * width + x0 + left) << 5;
    const last = to + (<usize>right << 5);
    let pa = a + begin, pb = b != 0 ? b + begin : zeros, pc = c != 0 ? c + begin : zeros, pd = d != 0 ? d + begin : zeros;
    const stepB: usize = b != 0 ? 16 : 0, stepC: usize = c != 0 ? 16 : 0, stepD: usize = d != 0 ? 16 : 0;
    if (c == 0) {
      for (let at = to + (<usize>left << 5); at < last; at += 16) {
        v128.store(at, madd(v128.load(pb), gb, f32x4.mul(v128.load(pa), ga)));
        pa += 16; pb += stepB;
      }
    } else {
      for (let at = to + (<usize>left << 5); at < last; at += 16) {
        v128.store(at, madd(v128.load(pd), gd, madd(v128.load(pc), gc, madd(v128.load(pb), gb, f32x4.mul(v128.load(pa), ga)))));
        pa += 16; pb += stepB; pc += stepC; pd += stepD;
      }
    }
    to += <usize>columns << 5;
  }
}
