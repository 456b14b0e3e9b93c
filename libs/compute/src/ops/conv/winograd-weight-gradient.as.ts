// Winograd's weight gradient: sums over tiles of (transformed x) ⊗ (transformed dy), position by position.
//
// A thread keeps what it transforms to itself. Cores need not share a cache: on processors made of several dies a tile that
// one core transforms and another multiplies takes twice as long. Work is split into lanes of chunks, each with sums of its own, and
// the positions of a tile into groups. Lanes and chunks depend on the sizes alone, so that the sums do not depend on the threads.

import { address, draw, word } from '../../devices/wasm/simd.as';
import { conv_outer_tile } from './tile.as';
import { WINOGRAD_ZEROS, winograd_tiles } from './winograd-tiles.as';

/**
 * sums[lane][position][output block][depth tap][input channel][8], position = 36 · (z-position) + plane position.
 * args: 0 x, 1 dy, 2 sums, 3 counter, 4 scratch, 5 scratch bytes per thread, 6 byte offset of V, 7 samples, 8 input blocks,
 * 9 output blocks, 10 11 12 input size, 13 14 15 output size, 16 17 18 padding, 19 depth taps (1 where depth is transformed),
 * 20 m, 21 tile rows per chunk, 22 slices per chunk, 23 lanes, 24 parts of the z-positions, 25 parts of the plane's rows of
 * positions, 26 z-positions (4 where depth is transformed, else 1), 27 byte offset of Z, 28 29 30 bytes from position to
 * position of V, Z and sums, 31 bytes of a lane's sums.
 */
export function winograd_weight_sums(args: usize, part: i32, parts: i32): void {
  const side = word(args, 20) + 2;
  const lanes = word(args, 23), zParts = word(args, 24), rowParts = word(args, 25), zs = word(args, 26);
  const tileRows = (word(args, 14) + word(args, 20) - 1) / word(args, 20);
  const strips = (tileRows + word(args, 21) - 1) / word(args, 21);
  const perSample = strips * ((word(args, 13) + word(args, 22) - 1) / word(args, 22));
  const chunks = word(args, 7) * perSample;
  const scratch = address(args, 4) + <usize>part * <usize>word(args, 5);
  memory.fill(scratch + WINOGRAD_ZEROS, 0, 64);
  const units = lanes * zParts * rowParts;
  for (let unit = draw(address(args, 3)); unit < units; unit = draw(address(args, 3))) {
    const lane = unit / (zParts * rowParts);
    const zPart = (unit / rowParts) % zParts, rowPart = unit % rowParts;
    const begin = <i32>(<i64>chunks * lane / lanes), end = <i32>(<i64>chunks * (lane + 1) / lanes);
    const sums = address(args, 2) + <usize>lane * <usize>word(args, 31);
    for (let chunk = begin; chunk < end; chunk++) {
      const row0 = (chunk % strips) * word(args, 21);
      const z0 = (chunk % perSample) / strips * word(args, 22);
      for (let z = zs * zPart / zParts; z < zs * (zPart + 1) / zParts; z++)
        chunkSums(
          args, scratch, sums, chunk / perSample, z0, min(word(args, 22), word(args, 13) - z0), row0, min(word(args, 21), tileRows - row0),
          z, side * rowPart / rowParts, side * (rowPart + 1) / rowParts, chunk > begin,
        );
    }
  }
}

/** One chunk, one z-position, rows [first, end) of the plane's positions: V[position][input block][tile][8], Z the same of dy, then their products. */
function chunkSums(args: usize, scratch: usize, sums: usize, sample: i32, z0: i32, slices: i32, row0: i32, rows: i32, z: i32, first: i32, end: i32, add: bool): void {
  const inputBlocks = word(args, 8), outputBlocks = word(args, 9);
  const depthTaps = word(args, 19), m = word(args, 20);
  const inDepth = word(args, 26) > 1;
  const perSlice = rows * ((word(args, 15) + m - 1) / m);
  const layers = inDepth ? (slices + 1) >> 1 : slices;
  const tiles = perSlice * layers;
  const inputTiles = perSlice * (layers + depthTaps - 1);
  const v = scratch + <usize>word(args, 6), zAt = scratch + <usize>word(args, 27);
  const strideV = <usize>word(args, 28), strideZ = <usize>word(args, 29);
  const side = m + 2;

  const plane = <usize>(word(args, 11) * word(args, 12)) << 5;
  for (let block = 0; block < inputBlocks; block++) {
    const volume = address(args, 0) + <usize>(sample * inputBlocks + block) * <usize>word(args, 10) * plane;
    const to = v + (<usize>(block * inputTiles) << 5);
    winograd_tiles(false, m, inDepth ? z : -1, volume, word(args, 10), word(args, 11), word(args, 12), z0 - word(args, 16), row0 * m - word(args, 17), -word(args, 18), layers + depthTaps - 1, rows, perSlice / rows, first, end, scratch, to, strideV);
  }
  const outPlane = <usize>(word(args, 14) * word(args, 15)) << 5;
  for (let block = 0; block < outputBlocks; block++) {
    const volume = address(args, 1) + <usize>(sample * outputBlocks + block) * <usize>word(args, 13) * outPlane;
    const to = zAt + (<usize>(block * tiles) << 5);
    winograd_tiles(true, m, inDepth ? z : -1, volume, word(args, 13), word(args, 14), word(args, 15), z0, row0 * m, 0, layers, rows, perSlice / rows, first, end, scratch, to, strideZ);
  }

  const positions = (end - first) * side;
  for (let p = 0; p < positions; p++) {
    const position = sums + <usize>(z * side * side + first * side + p) * <usize>word(args, 30);
    for (let block = 0; block < inputBlocks; block++) {
      const x = v + <usize>p * strideV + (<usize>(block * inputTiles) << 5);
      for (let o = 0; o < outputBlocks; o++) {
        const y = zAt + <usize>p * strideZ + (<usize>(o * tiles) << 5);
        for (let kd = 0; kd < depthTaps; kd++) {
          const from = x + (<usize>(kd * perSlice) << 5);
          const sum = position + (<usize>(((o * depthTaps + kd) * inputBlocks + block) << 3) << 5);
          conv_outer_tile(from, 32, y, 32, tiles, sum, add);
          conv_outer_tile(from + 16, 32, y, 32, tiles, sum + 128, add);
        }
      }
    }
  }
}

/** Adds the sums of all lanes into the first, in order. args: 0 sums, 1 lanes, 2 bytes of a lane's sums. */
export function winograd_lanes(args: usize, part: i32, parts: i32): void {
  const sums = address(args, 0);
  const lanes = word(args, 1), bytes = <usize>word(args, 2);
  const vectors = <i64>(bytes >> 4);
  const end = sums + (<usize>(vectors * (part + 1) / parts) << 4);
  for (let at = sums + (<usize>(vectors * part / parts) << 4); at < end; at += 16) {
    let sum = v128.load(at);
    for (let lane = 1; lane < lanes; lane++) sum = f32x4.add(sum, v128.load(at + <usize>lane * bytes));
    v128.store(at, sum);
  }
}
