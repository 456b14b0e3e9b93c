// Winograd convolution, stride 1: F(4×4, 3×3) or F(2×2, 3×3) in the plane (y, x), with direct taps in depth or joined to F(2, 3) or F(4, 3) there.
//
// Tiles of a piece are numbered slice by slice; a depth tap is then a constant offset in that number, and the product per
// position of a transformed tile is one matrix product with K = depth taps x channels. Where depth is transformed too a tile
// has 4 or 6 z-positions of 36 plane positions, position = 36 · (z-position) + plane position, and no taps are left.

import { activate_voxels } from '../../devices/wasm/activation.as';
import { MOMENTS_BYTES, record_moments } from '../../devices/wasm/moments.as';
import { address, draw, word } from '../../devices/wasm/simd.as';
import { conv_panel } from './tile.as';
import { WINOGRAD_ZEROS, output_line4, winograd_output, winograd_tiles } from './winograd-tiles.as';

/**
 * A piece: some slices of a strip of tile rows of one sample, some output blocks. It transforms its input once (V, sized
 * to the second-level cache), multiplies position by position (M), and transforms back with bias.
 *
 * args: 0 x, 1 transformed weights, 2 padded bias, 3 y, 4 scratch, 5 scratch bytes per thread, 6 counter, 7 samples,
 * 8 input blocks, 9 output blocks, 10 11 12 input size, 13 14 15 output size, 16 17 18 padding, 19 depth taps (1 where depth
 * is transformed), 20 m, 21 tile rows per piece, 22 slices per piece (whole tiles where depth is transformed), 23 output blocks per
 * piece, 24 output blocks per round (M), 25 z-positions (4 or 6 where depth is transformed, else 1), 26 byte offset of V,
 * 27 byte offset of M, 28 29 bytes from position to position of V and weights, 30 output channels, 31 records of moments or 0,
 * one per row (sample, output block), slice and tile row,
 * 32 factors of x or 0, 33 slope: x is first made what a normalization makes of it (devices/wasm/activation.as.ts).
 */
export function conv_winograd(args: usize, part: i32, parts: i32): void {
  const m = word(args, 20);
  const strips = ((word(args, 14) + m - 1) / m + word(args, 21) - 1) / word(args, 21);
  const chunks = (word(args, 13) + word(args, 22) - 1) / word(args, 22);
  const groups = (word(args, 9) + word(args, 23) - 1) / word(args, 23);
  const pieces = word(args, 7) * chunks * strips * groups;
  const scratch = address(args, 4) + <usize>part * <usize>word(args, 5);
  memory.fill(scratch + WINOGRAD_ZEROS, 0, 64);
  for (let piece = draw(address(args, 6)); piece < pieces; piece = draw(address(args, 6))) {
    const group = piece % groups;
    let rest = piece / groups;
    const chunk = rest % chunks;
    rest /= chunks;
    winogradPiece(args, scratch, rest / strips, chunk, rest % strips, group);
  }
}

function winogradPiece(args: usize, scratch: usize, sample: i32, chunk: i32, strip: i32, group: i32): void {
  const inputBlocks = word(args, 8);
  const depth = word(args, 10), height = word(args, 11), width = word(args, 12);
  const outDepth = word(args, 13), outHeight = word(args, 14), outWidth = word(args, 15);
  const depthTaps = word(args, 19), m = word(args, 20), zs = word(args, 25);
  const count = (outWidth + m - 1) / m;
  const row0 = strip * word(args, 21);
  const rows = min(word(args, 21), (outHeight + m - 1) / m - row0);
  const z0 = chunk * word(args, 22);
  const slices = min(word(args, 22), outDepth - z0);
  const q = zs > 1 ? zs - 2 : 1;
  const layers = (slices + q - 1) / q;
  const perLayer = rows * count;
  const tiles = perLayer * layers;
  const inputTiles = perLayer * (layers + depthTaps - 1);
  const side = m + 2;
  const v = scratch + <usize>word(args, 26), product = scratch + <usize>word(args, 27);
  const strideV = <usize>word(args, 28), strideU = <usize>word(args, 29);

  // The box of x that the tiles read. Normalized it lies where the products will; what is outside stays zero.
  const factors = address(args, 32);
  let boxZ = 0, boxY = 0, boxDepth = depth, boxHeight = height;
  if (factors != 0) {
    const firstZ = z0 - word(args, 16), firstY = row0 * m - word(args, 17);
    boxZ = max(0, firstZ), boxY = max(0, firstY);
    boxDepth = max(0, min(depth, firstZ + (zs > 1 ? q * layers + 2 : layers + depthTaps - 1)) - boxZ);
    boxHeight = max(0, min(height, firstY + rows * m + 2) - boxY);
  }
  for (let block = 0; block < inputBlocks; block++) {
    const row = sample * inputBlocks + block;
    let volume = address(args, 0) + (<usize>((row * depth + boxZ) * height + boxY) * <usize>width << 5);
    if (factors != 0) {
      activateBox(volume, boxDepth, <usize>(height * width) << 5, <usize>(boxHeight * width) << 5, factors + (<usize>row << 6), v128.load_splat<f32>(args, 132), product);
      volume = product;
    }
    winograd_tiles(
      false, m, q, 0, zs, volume, boxDepth, boxHeight, width,
      z0 - word(args, 16) - boxZ, row0 * m - word(args, 17) - boxY, -word(args, 18), layers + depthTaps - 1, rows, count, 0, side,
      scratch, v + (<usize>(block * inputTiles) << 5), strideV,
    );
  }

  // M[output block][four tiles][position][tile][8]: what the transform back reads of a tile lies close together.
  const positions = zs * side * side;
  const fourBytes = <usize>positions << 7;
  const blockM = <usize>((tiles + 3) >> 2) * fourBytes;
  const blockU = <usize>(depthTaps * inputBlocks) << 8;
  const endBlock = min(word(args, 9), (group + 1) * word(args, 23));
  for (let block0 = group * word(args, 23); block0 < endBlock; block0 += word(args, 24)) {
    const block1 = min(endBlock, block0 + word(args, 24));
    for (let position = 0; position < positions; position++)
      for (let block = block0; block < block1; block++)
        conv_panel(
          v + <usize>position * strideV, depthTaps, <usize>perLayer << 5, inputBlocks, <usize>inputTiles << 5,
          address(args, 1) + <usize>position * strideU + <usize>block * blockU,
          product + <usize>(block - block0) * blockM + (<usize>position << 7), fourBytes, tiles,
        );
    for (let block = block0; block < block1; block++) {
      outputTiles(args, scratch, sample, block, z0, slices, row0, rows, count, product + <usize>(block - block0) * blockM, fourBytes);
      if (address(args, 31) != 0) stripMoments(args, sample, block, z0, slices, row0, rows);
    }
  }
}

/** Normalizes `bytes` of each of `depth` slices, a plane apart, and lays them close together. */
function activateBox(from: usize, depth: i32, planeBytes: usize, bytes: usize, factors: usize, slope: v128, to: usize): void {
  for (let z = 0; z < depth; z++) {
    activate_voxels(from, bytes, factors, slope, to);
    from += planeBytes;
    to += bytes;
  }
}

/** Transforms the products of one output block back and adds the bias. */
function outputTiles(args: usize, scratch: usize, sample: i32, block: i32, z0: i32, slices: i32, row0: i32, rows: i32, count: i32, product: usize, fourBytes: usize): void {
  const outDepth = word(args, 13), outHeight = word(args, 14), outWidth = word(args, 15);
  const m = word(args, 20);
  const q = word(args, 25) > 1 ? word(args, 25) - 2 : 1;
  const plane = <usize>(outHeight * outWidth) << 5;
  const pitch = <usize>outWidth << 5;
  const volume = address(args, 3) + <usize>((sample * word(args, 9) + block) * outDepth + z0) * plane;
  const bias = address(args, 2) + (<usize>block << 5);
  const channels = word(args, 30) - (block << 3);
  const joined = scratch + 576;
  let number = 0;
  for (let z = 0; z < slices; z += q)
    for (let row = row0; row < row0 + rows; row++)
      for (let tile = 0; tile < count; tile++) {
        const from = product + <usize>(number >> 2) * fourBytes + (<usize>(number & 3) << 5);
        const to = volume + <usize>z * plane + (<usize>(row * m * outWidth + tile * m) << 5);
        const presentRows = min(m, outHeight - row * m), presentColumns = min(m, outWidth - tile * m);
        for (let half: usize = 0; half < 32; half += 16) {
          const present = channels - <i32>(half >> 2);
          if (q > 1) {
            joinOutput(q, from + half, joined);
            const last = min(q, slices - z);
            for (let k = 0; k < last; k++)
              winograd_output(m, joined + <usize>k * 576, 16, scratch, to + <usize>k * plane + half, pitch, presentRows, presentColumns, bias + half, present);
          } else winograd_output(m, from + half, 128, scratch, to + half, pitch, presentRows, presentColumns, bias + half, present);
        }
        number++;
      }
}

/** Records the moments of what a piece has just written of one output block while it is in the cache; tile rows, so that sums do not depend on the pieces. */
function stripMoments(args: usize, sample: i32, block: i32, z0: i32, slices: i32, row0: i32, rows: i32): void {
  const outDepth = word(args, 13), outHeight = word(args, 14), outWidth = word(args, 15), m = word(args, 20);
  const tileRows = (outHeight + m - 1) / m;
  const first = (sample * word(args, 9) + block) * outDepth + z0;
  for (let slice = first; slice < first + slices; slice++)
    for (let row = row0; row < row0 + rows; row++) {
      const from = address(args, 3) + (<usize>(slice * outHeight + row * m) * <usize>outWidth << 5);
      record_moments(from, min(m, outHeight - row * m) * outWidth, address(args, 31) + <usize>(slice * tileRows + row) * MOMENTS_BYTES);
    }
}

/** Aᵀ of F(q, 3): joins the z-positions of a product, 128 bytes from position to position, to q slices of 36 vectors each. */
function joinOutput(q: i32, from: usize, to: usize): void {
  const end = to + 576;
  if (q == 2) {
    while (to < end) {
      const m0 = v128.load(from), m1 = v128.load(from, 36 * 128), m2 = v128.load(from, 72 * 128), m3 = v128.load(from, 108 * 128);
      v128.store(to, f32x4.add(f32x4.add(m0, m1), m2));
      v128.store(to, f32x4.sub(f32x4.sub(m1, m2), m3), 576);
      from += 128;
      to += 16;
    }
    return;
  }
  while (to < end) {
    output_line4(from, 36 * 128, to, 576);
    from += 128;
    to += 16;
  }
}
