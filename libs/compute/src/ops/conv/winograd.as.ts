// Winograd convolution in the plane (y, x) with direct taps in depth, stride 1.
//
// Tiles of a piece are numbered slice by slice; a depth tap is then a constant offset in that number, and the product per
// position of a transformed tile is one matrix product with K = depth taps x channels.

import { address, draw, word } from '../../devices/wasm/simd.as';
import { conv_tile } from './tile.as';
import { winograd_output, winograd_tile_row } from './winograd-tiles.as';

/** Bytes of a thread's scratch that the transforms use: 36 vectors, 36 voxels, bias of zero, the depth taps' offsets. */
const TILE_SCRATCH: usize = 576 + 1152;

/**
 * A piece: some slices of a strip of tile rows of one sample, some output blocks. It transforms its input once (V, sized
 * to the second-level cache), multiplies position by position (M), and transforms back with bias.
 *
 * args: 0 x, 1 transformed weights, 2 padded bias, 3 y, 4 scratch, 5 scratch bytes per thread, 6 counter, 7 samples,
 * 8 input blocks, 9 output blocks, 10 11 12 input size, 13 14 15 output size, 16 17 18 padding, 19 depth taps, 20 m,
 * 21 tile rows per piece, 22 slices per piece, 23 output blocks per piece, 24 output blocks per round (M),
 * 25 byte offset of V, 26 byte offset of M, 27 28 29 bytes from position to position of V, M and weights, 30 output channels.
 */
export function conv_winograd(args: usize, part: i32, parts: i32): void {
  const m = word(args, 20);
  const strips = ((word(args, 14) + m - 1) / m + word(args, 21) - 1) / word(args, 21);
  const chunks = (word(args, 13) + word(args, 22) - 1) / word(args, 22);
  const groups = (word(args, 9) + word(args, 23) - 1) / word(args, 23);
  const pieces = word(args, 7) * chunks * strips * groups;
  const scratch = address(args, 4) + <usize>part * <usize>word(args, 5);
  for (let piece = draw(address(args, 6)); piece < pieces; piece = draw(address(args, 6))) {
    const group = piece % groups;
    let rest = piece / groups;
    const chunk = rest % chunks;
    rest /= chunks;
    winogradPiece(args, scratch, rest / strips, chunk, rest % strips, group);
  }
}

function winogradPiece(args: usize, scratch: usize, sample: i32, chunk: i32, strip: i32, group: i32): void {
  const inputBlocks = word(args, 8), outputBlocks = word(args, 9);
  const outDepth = word(args, 13), outHeight = word(args, 14), outWidth = word(args, 15);
  const depthTaps = word(args, 19), m = word(args, 20);
  const tilesX = (outWidth + m - 1) / m;
  const row0 = strip * word(args, 21);
  const rows = min(word(args, 21), (outHeight + m - 1) / m - row0);
  const z0 = chunk * word(args, 22);
  const slices = min(word(args, 22), outDepth - z0);
  const perSlice = rows * tilesX;
  const tiles = perSlice * slices;
  const voxelBytes = <usize>inputBlocks << 5;
  const v = scratch + <usize>word(args, 25), product = scratch + <usize>word(args, 26);
  const strideV = <usize>word(args, 27), strideM = <usize>word(args, 28), strideU = <usize>word(args, 29);
  const zeros = scratch + TILE_SCRATCH;
  const offsets = zeros + 32;
  memory.fill(zeros, 0, 32);
  for (let kd = 0; kd < depthTaps; kd++) store<u32>(offsets + (<usize>kd << 2), <u32>(<usize>(kd * perSlice) * voxelBytes));

  transformSlices(args, scratch, sample, z0, slices + depthTaps - 1, row0, rows, v, voxelBytes, 32);

  const positions = (m + 2) * (m + 2);
  const firstBlock = group * word(args, 23);
  const endBlock = min(outputBlocks, firstBlock + word(args, 23));
  const padded = (tiles + 3) & ~3;
  const blockM = <usize>padded << 5;
  const blockU = <usize>depthTaps * voxelBytes << 3;
  for (let block0 = firstBlock; block0 < endBlock; block0 += word(args, 24)) {
    const block1 = min(endBlock, block0 + word(args, 24));
    for (let position = 0; position < positions; position++) {
      const at = v + <usize>position * strideV;
      for (let block = block0; block < block1; block++) {
        const weights = address(args, 1) + <usize>position * strideU + <usize>block * blockU;
        let to = product + <usize>position * strideM + <usize>(block - block0) * blockM;
        let x = at;
        for (let t = 0; t < tiles; t += 4) {
          conv_tile(x, x + voxelBytes, x + 2 * voxelBytes, x + 3 * voxelBytes, offsets, depthTaps, voxelBytes, weights, zeros, to, to + 32, to + 64, to + 96);
          x += voxelBytes << 2;
          to += 128;
        }
      }
    }
    for (let block = block0; block < block1; block++) {
      const unused = max(0, ((block + 1) << 3) - word(args, 30));
      for (let half: usize = 0; half < 32; half += 16) {
        const bias = address(args, 2) + (<usize>block << 5) + half;
        const channels = 8 - unused - <i32>(half >> 2);
        let from = product + <usize>(block - block0) * blockM + half;
        for (let s = 0; s < slices; s++) {
          const plane = address(args, 3) + (<usize>((sample * outputBlocks + block) * outDepth + z0 + s) * <usize>(outHeight * outWidth) << 5) + half;
          for (let row = row0; row < row0 + rows; row++)
            for (let tile = 0; tile < tilesX; tile++) {
              const to = plane + (<usize>(row * m * outWidth + tile * m) << 5);
              winograd_output(m, from, strideM, scratch, to, <usize>outWidth << 5, min(m, outHeight - row * m), min(m, outWidth - tile * m), bias, channels);
              from += 32;
            }
        }
      }
    }
  }
}

/** Transforms `slices` input slices of a strip; channel block b of tile t goes to `to + t * tileStride + b * blockStride`. */
function transformSlices(args: usize, scratch: usize, sample: i32, z0: i32, slices: i32, row0: i32, rows: i32, to: usize, tileStride: usize, blockStride: usize): void {
  const inputBlocks = word(args, 8);
  const depth = word(args, 10), height = word(args, 11), width = word(args, 12);
  const m = word(args, 20);
  const tilesX = (word(args, 15) + m - 1) / m;
  const perSlice = rows * tilesX;
  for (let s = 0; s < slices; s++) {
    const iz = z0 + s - word(args, 16);
    for (let block = 0; block < inputBlocks; block++) {
      const plane = address(args, 0) + (<usize>((sample * inputBlocks + block) * depth + iz) * <usize>(height * width) << 5);
      for (let row = 0; row < rows; row++) {
        const at = to + <usize>(s * perSlice + row * tilesX) * tileStride + <usize>block * blockStride;
        // A slice outside is a slice without height.
        const inside = iz >= 0 && iz < depth;
        winograd_tile_row(m, false, plane, inside ? height : 0, width, (row0 + row) * m - word(args, 17), -word(args, 18), tilesX, m + 2, m, 0, m + 2, scratch, at, tileStride, <usize>word(args, 27));
      }
    }
  }
}
