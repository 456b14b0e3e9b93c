// Winograd's transforms of image tiles, F(4x4, 3x3) and F(2x2, 3x3) (Lavin and Gray, Fast Algorithms for Convolutional Neural
// Networks, 2015), the latter at the points 0, ±1, ∞, the former at 0, ±√½, ±√2, ∞: three times as exact as with ±1, ±2. Four channels at a time; each transform is a
// pass down the columns into a scratch of 36 vectors, then a pass along the rows.
//
// `position` p = 6 i + j (4 i + j for F2) of a transformed tile is stored `stride` bytes after position p - 1.

import { madd } from '../../devices/wasm/simd.as';

/**
 * A thread's scratch: 36 vectors and 36 voxels for one tile, four slices of 36 vectors for a joined product, then (here) a voxel
 * of zeros that the caller keeps zero, and 64 bytes on a strip of voxels one tile high.
 */
export const WINOGRAD_ZEROS: usize = 576 + 1152 + 2304;

/** The points of F(4, 3) besides 0 and ∞: ± INNER, ± OUTER. */
export const INNER: f32 = 0.7071067811865476;
export const OUTER: f32 = 1.4142135623730951;

/** Bᵀ d B: a tile of (m + 2)² input voxels, 32 bytes apart in x and `pitch` in y. Only rows [first, end) of the positions are made. */
function input(m: i32, from: usize, pitch: usize, first: i32, end: i32, scratch: usize, to: usize, stride: usize): void {
  if (m == 4) input4(from, pitch, first, end, scratch, to, stride);
  else input2(from, pitch, first, end, scratch, to, stride);
}

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

function input4(from: usize, pitch: usize, firstRow: i32, endRow: i32, scratch: usize, to: usize, stride: usize): void {
  for (let j: usize = 0; j < 6; j++) inputLine4(from + (j << 5), pitch, scratch + (j << 4), 96);
  const end = scratch + <usize>endRow * 96;
  for (let at = scratch + <usize>firstRow * 96; at < end; at += 96) {
    inputLine4(at, 16, to, stride);
    to += 6 * stride;
  }
}

function input2(from: usize, pitch: usize, firstRow: i32, endRow: i32, scratch: usize, to: usize, stride: usize): void {
  for (let j: usize = 0; j < 4; j++) {
    let at = from + (j << 5);
    const d0 = v128.load(at); at += pitch;
    const d1 = v128.load(at); at += pitch;
    const d2 = v128.load(at); at += pitch;
    const d3 = v128.load(at);
    const out = scratch + (j << 4);
    v128.store(out, f32x4.sub(d0, d2));
    v128.store(out, f32x4.add(d1, d2), 64);
    v128.store(out, f32x4.sub(d2, d1), 128);
    v128.store(out, f32x4.sub(d1, d3), 192);
  }
  const end = scratch + (<usize>endRow << 6);
  for (let at = scratch + (<usize>firstRow << 6); at < end; at += 64) {
    const d0 = v128.load(at), d1 = v128.load(at, 16), d2 = v128.load(at, 32), d3 = v128.load(at, 48);
    v128.store(to, f32x4.sub(d0, d2)); to += stride;
    v128.store(to, f32x4.add(d1, d2)); to += stride;
    v128.store(to, f32x4.sub(d2, d1)); to += stride;
    v128.store(to, f32x4.sub(d1, d3)); to += stride;
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

/** A y Aᵀ, the adjoint of the output's transform: a tile of m² voxels of the output's gradient. Only rows [first, end) of the positions. */
function outputAdjoint(m: i32, from: usize, pitch: usize, first: i32, end: i32, scratch: usize, to: usize, stride: usize): void {
  if (m == 4) adjoint4(from, pitch, first, end, scratch, to, stride);
  else adjoint2(from, pitch, first, end, scratch, to, stride);
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

function adjoint4(from: usize, pitch: usize, firstRow: i32, endRow: i32, scratch: usize, to: usize, stride: usize): void {
  for (let j: usize = 0; j < 4; j++) adjointLine4(from + (j << 5), pitch, scratch + (j << 4), 64);
  const end = scratch + (<usize>endRow << 6);
  for (let at = scratch + (<usize>firstRow << 6); at < end; at += 64) {
    adjointLine4(at, 16, to, stride);
    to += 6 * stride;
  }
}

function adjoint2(from: usize, pitch: usize, firstRow: i32, endRow: i32, scratch: usize, to: usize, stride: usize): void {
  const zero = f32x4.splat(0);
  for (let j: usize = 0; j < 2; j++) {
    const y0 = v128.load(from + (j << 5)), y1 = v128.load(from + (j << 5) + pitch);
    const out = scratch + (j << 4);
    v128.store(out, y0);
    v128.store(out, f32x4.add(y0, y1), 32);
    v128.store(out, f32x4.sub(y0, y1), 64);
    v128.store(out, f32x4.sub(zero, y1), 96);
  }
  const end = scratch + (<usize>endRow << 5);
  for (let at = scratch + (<usize>firstRow << 5); at < end; at += 32) {
    const y0 = v128.load(at), y1 = v128.load(at, 16);
    v128.store(to, y0); to += stride;
    v128.store(to, f32x4.add(y0, y1)); to += stride;
    v128.store(to, f32x4.sub(y0, y1)); to += stride;
    v128.store(to, f32x4.sub(zero, y1)); to += stride;
  }
}

/**
 * One row of tiles, one block of channels: transforms `count` tiles of `side` x `side` voxels, `step` apart, whose first
 * corner is (y0, x0) of a plane [height][width][8]; what lies outside is zero. `adjoint` chooses the transform, of whose
 * positions rows [first, end) are made.
 * `scratch`: 36 vectors for the transform, then 36 voxels for tiles that cross the edge.
 */
function tileRow(
  m: i32, adjoint: bool, plane: usize, height: i32, width: i32, y0: i32, x0: i32, count: i32, side: i32, step: i32,
  first: i32, end: i32, scratch: usize, to: usize, tileStride: usize, stride: usize,
): void {
  const pitch = <usize>width << 5;
  const corner = scratch + 576;
  for (let tile = 0; tile < count; tile++) {
    const x = x0 + tile * step;
    let from = plane + (<usize>(y0 * width + x) << 5);
    let fromPitch = pitch;
    if (y0 < 0 || x < 0 || y0 + side > height || x + side > width) {
      memory.fill(corner, 0, <usize>(side * side) << 5);
      const left = max(0, -x), right = min(side, width - x);
      if (left < right) for (let y = max(0, -y0); y < min(side, height - y0); y++)
          memory.copy(corner + (<usize>(y * side + left) << 5), from + <usize>y * pitch + (<usize>left << 5), <usize>(right - left) << 5);
      from = corner;
      fromPitch = <usize>side << 5;
    }
    for (let half: usize = 0; half < 32; half += 16) {
      if (adjoint) outputAdjoint(m, from + half, fromPitch, first, end, scratch, to + half, stride);
      else input(m, from + half, fromPitch, first, end, scratch, to + half, stride);
    }
    to += tileStride;
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

/**
 * Transforms `layers` × `rows` × `count` tiles of one block of channels, 32 bytes apart at `to`, keeping rows [first, end) of their
 * positions. q = 1: a layer is a slice; else it is q slices (of x: q + 2 that overlap by two), joined to z-position `z` of F(q, 3).
 */
export function winograd_tiles(
  adjoint: bool, m: i32, q: i32, z: i32, volume: usize, depth: i32, height: i32, width: i32, z0: i32, y0: i32, x0: i32,
  layers: i32, rows: i32, count: i32, first: i32, end: i32, scratch: usize, to: usize, stride: usize,
): void {
  const plane = <usize>(height * width) << 5;
  const side = adjoint ? m : m + 2;
  const strip = scratch + WINOGRAD_ZEROS + 64;
  const columns = count * m + side - m;
  for (let layer = 0; layer < layers; layer++)
    for (let row = 0; row < rows; row++) {
      const y = y0 + row * m;
      if (q == 1) {
        const inside = z0 + layer >= 0 && z0 + layer < depth;
        tileRow(m, adjoint, volume + <usize>(z0 + layer) * plane, inside ? height : 0, width, y, x0, count, side, m, first, end, scratch, to, 32, stride);
        to += <usize>count << 5;
        continue;
      }
      joinLayer(adjoint, q, z, volume, plane, depth, height, width, z0 + q * layer, y, x0, side, columns, scratch + WINOGRAD_ZEROS, strip);
      for (let tile = 0; tile < count; tile++) {
        const from = strip + (<usize>(tile * m) << 5);
        for (let half: usize = 0; half < 32; half += 16) {
          if (adjoint) outputAdjoint(m, from + half, <usize>columns << 5, first, end, scratch, to + half, stride);
          else input(m, from + half, <usize>columns << 5, first, end, scratch, to + half, stride);
        }
        to += 32;
      }
    }
}

/** The slices z0… of a layer joined to z-position z: rows y0…, columns x0…, zeros outside. At most four slices have a part in one. */
function joinLayer(
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
    if (y < 0 || y >= height || a == 0) {
      memory.fill(to, 0, <usize>columns << 5);
      to += <usize>columns << 5;
      continue;
    }
    memory.fill(to, 0, <usize>left << 5);
    memory.fill(to + (<usize>right << 5), 0, <usize>(columns - right) << 5);
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
