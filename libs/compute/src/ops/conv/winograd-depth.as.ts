// Winograd in all three axes, F(2x4x4, 3x3x3): the plane's F(4x4, 3x3) joined to F(2, 3) along z. 144 products make 32
// outputs of 864. A transformed tile has 4 z-positions of 36 plane positions each: position = 36 · (z-position) + plane position.

import { address, draw, word } from '../../devices/wasm/simd.as';
import { conv_tile } from './tile.as';
import { winograd_output, winograd_tile_row } from './winograd-tiles.as';

/** Bytes of a thread's scratch in front of the ring: 36 vectors and 36 voxels of the plane's transforms, a bias of zero, one offset of zero. */
const RING: usize = 576 + 1152 + 64;

/**
 * One block of channels, one row of tiles, `depthTiles` tiles of two output slices: each input slice is transformed once
 * into a ring of four, from which the z-positions are joined. `to`: of the first tile; slices and rows outside are zeros.
 */
function depthRow(
  volume: usize, depth: i32, height: i32, width: i32, z0: i32, y0: i32, x0: i32, count: i32, depthTiles: i32,
  scratch: usize, to: usize, tileStride: usize, depthStride: usize, stride: usize,
): void {
  const ring = scratch + RING;
  const position = <usize>count << 5;
  const slot = position * 36;
  const plane = <usize>(height * width) << 5;
  for (let s = 0; s < 2 * depthTiles + 2; s++) {
    const z = z0 + s;
    const inside = z >= 0 && z < depth;
    winograd_tile_row(4, false, volume + <usize>z * plane, inside ? height : 0, width, y0, x0, count, 6, 4, 0, 6, scratch, ring + <usize>(s & 3) * slot, 32, position);
    if ((s & 1) == 0 || s < 3) continue;
    const first = s - 3;
    const r0 = ring + <usize>(first & 3) * slot, r1 = ring + <usize>((first + 1) & 3) * slot;
    const target = to + <usize>(first >> 1) * depthStride;
    joinInput(r0, r1, ring + <usize>((first + 2) & 3) * slot, ring + <usize>((first + 3) & 3) * slot, count, target, tileStride, stride);
  }
}

function joinInput(r0: usize, r1: usize, r2: usize, r3: usize, count: i32, to: usize, tileStride: usize, stride: usize): void {
  const next = stride * 36;
  let at: usize = 0;
  for (let position = 0; position < 36; position++) {
    let out = to;
    for (let tile = 0; tile < count; tile++) {
      for (let half: usize = 0; half < 32; half += 16) {
        const d0 = v128.load(r0 + at), d1 = v128.load(r1 + at), d2 = v128.load(r2 + at), d3 = v128.load(r3 + at);
        let o = out + half;
        v128.store(o, f32x4.sub(d0, d2)); o += next;
        v128.store(o, f32x4.add(d1, d2)); o += next;
        v128.store(o, f32x4.sub(d2, d1)); o += next;
        v128.store(o, f32x4.sub(d1, d3));
        at += 16;
      }
      out += tileStride;
    }
    to += stride;
  }
}

/**
 * A piece: an even number of slices of a strip of tile rows of one sample, some output blocks.
 * args: as conv_winograd; its slices per piece are even, its positions 144.
 */
export function conv_winograd_depth(args: usize, part: i32, parts: i32): void {
  const strips = ((word(args, 14) + 3) / 4 + word(args, 21) - 1) / word(args, 21);
  const chunks = (word(args, 13) + word(args, 22) - 1) / word(args, 22);
  const groups = (word(args, 9) + word(args, 23) - 1) / word(args, 23);
  const pieces = word(args, 7) * chunks * strips * groups;
  const scratch = address(args, 4) + <usize>part * <usize>word(args, 5);
  for (let piece = draw(address(args, 6)); piece < pieces; piece = draw(address(args, 6))) {
    const group = piece % groups;
    let rest = piece / groups;
    const chunk = rest % chunks;
    rest /= chunks;
    depthPiece(args, scratch, rest / strips, chunk, rest % strips, group);
  }
}

function depthPiece(args: usize, scratch: usize, sample: i32, chunk: i32, strip: i32, group: i32): void {
  const inputBlocks = word(args, 8), outputBlocks = word(args, 9);
  const depth = word(args, 10), height = word(args, 11), width = word(args, 12);
  const outDepth = word(args, 13), outHeight = word(args, 14), outWidth = word(args, 15);
  const tilesX = (outWidth + 3) >> 2;
  const row0 = strip * word(args, 21);
  const rows = min(word(args, 21), ((outHeight + 3) >> 2) - row0);
  const z0 = chunk * word(args, 22);
  const slices = min(word(args, 22), outDepth - z0);
  const depthTiles = (slices + 1) >> 1;
  const perDepth = rows * tilesX;
  const tiles = perDepth * depthTiles;
  const voxelBytes = <usize>inputBlocks << 5;
  const v = scratch + <usize>word(args, 25), product = scratch + <usize>word(args, 26);
  const strideV = <usize>word(args, 27), strideM = <usize>word(args, 28), strideU = <usize>word(args, 29);
  const zeros = scratch + (576 + 1152);
  const noOffset = zeros + 32;
  memory.fill(zeros, 0, 64);

  for (let block = 0; block < inputBlocks; block++) {
    const volume = address(args, 0) + (<usize>(sample * inputBlocks + block) * <usize>(depth * height * width) << 5);
    for (let row = 0; row < rows; row++)
      depthRow(
        volume, depth, height, width, z0 - word(args, 16), (row0 + row) * 4 - word(args, 17), -word(args, 18), tilesX, depthTiles,
        scratch, v + <usize>(row * tilesX) * voxelBytes + (<usize>block << 5), voxelBytes, <usize>perDepth * voxelBytes, strideV,
      );
  }

  const firstBlock = group * word(args, 23);
  const endBlock = min(outputBlocks, firstBlock + word(args, 23));
  const blockM = <usize>((tiles + 3) & ~3) << 5;
  for (let block0 = firstBlock; block0 < endBlock; block0 += word(args, 24)) {
    const block1 = min(endBlock, block0 + word(args, 24));
    for (let position: usize = 0; position < 144; position++)
      for (let block = block0; block < block1; block++) {
        const weights = address(args, 1) + position * strideU + (<usize>block * voxelBytes << 3);
        let to = product + position * strideM + <usize>(block - block0) * blockM;
        let x = v + position * strideV;
        for (let t = 0; t < tiles; t += 4) {
          conv_tile(x, x + voxelBytes, x + 2 * voxelBytes, x + 3 * voxelBytes, noOffset, 1, voxelBytes, weights, zeros, to, to + 32, to + 64, to + 96);
          x += voxelBytes << 2;
          to += 128;
        }
      }
    const joined = scratch + 576;
    for (let block = block0; block < block1; block++) {
      const channels = min(8, word(args, 30) - (block << 3));
      for (let half: usize = 0; half < 32; half += 16) {
        const bias = address(args, 2) + (<usize>block << 5) + half;
        const present = channels - <i32>(half >> 2);
        let from = product + <usize>(block - block0) * blockM + half;
        for (let k = 0; k < depthTiles; k++) {
          const z = z0 + 2 * k;
          const plane = address(args, 3) + (<usize>((sample * outputBlocks + block) * outDepth + z) * <usize>(outHeight * outWidth) << 5) + half;
          const both = 2 * k + 1 < slices;
          for (let row = row0; row < row0 + rows; row++)
            for (let tile = 0; tile < tilesX; tile++) {
              joinOutput(from, strideM, joined);
              const to = plane + (<usize>(row * 4 * outWidth + tile * 4) << 5);
              const presentRows = min(4, outHeight - row * 4), presentColumns = min(4, outWidth - tile * 4);
              winograd_output(4, joined, 16, scratch, to, <usize>outWidth << 5, presentRows, presentColumns, bias, present);
              if (both) winograd_output(4, joined + 576, 16, scratch, to + (<usize>(outHeight * outWidth) << 5), <usize>outWidth << 5, presentRows, presentColumns, bias, present);
              from += 32;
            }
        }
      }
    }
  }
}

/** Joins the z-positions of a product to two slices of 36 vectors each. */
function joinOutput(from: usize, stride: usize, to: usize): void {
  const next = stride * 36;
  const end = to + 576;
  while (to < end) {
    const m0 = v128.load(from), m1 = v128.load(from + next), m2 = v128.load(from + 2 * next), m3 = v128.load(from + 3 * next);
    v128.store(to, f32x4.add(f32x4.add(m0, m1), m2));
    v128.store(to, f32x4.sub(f32x4.sub(m1, m2), m3), 576);
    from += stride;
    to += 16;
  }
}
