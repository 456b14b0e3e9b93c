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
 * positions, 26 z-positions (4 or 6 where depth is transformed, else 1), 27 byte offset of Z, 28 29 30 bytes from position to
 * position of V, Z and sums, 31 bytes of a lane's sums, 32 samples per chunk (1 unless a chunk holds whole samples).
 */
export function winograd_weight_sums(args: usize, part: i32, parts: i32): void {
  const side = word(args, 20) + 2;
  const lanes = word(args, 23), zParts = word(args, 24), rowParts = word(args, 25), zs = word(args, 26);
  const tileRows = (word(args, 14) + word(args, 20) - 1) / word(args, 20);
  const strips = (tileRows + word(args, 21) - 1) / word(args, 21);
  const perSample = strips * ((word(args, 13) + word(args, 22) - 1) / word(args, 22));
  const group = word(args, 32);
  const chunks = (word(args, 7) + group - 1) / group * perSample;
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
          args, scratch, sums, chunk / perSample * group, z0, min(word(args, 22), word(args, 13) - z0), row0, min(word(args, 21), tileRows - row0),
          z, side * rowPart / rowParts, side * (rowPart + 1) / rowParts, chunk > begin,
        );
    }
  }
}

/** One chunk, one z-position, rows [first, end) of the plane's positions: V[position][input block][sample][tile][8], Z the same of dy, then their products. */
function chunkSums(args: usize, scratch: usize, sums: usize, firstSample: i32, z0: i32, slices: i32, row0: i32, rows: i32, z: i32, first: i32, end: i32, add: bool): void {
  const inputBlocks = word(args, 8), outputBlocks = word(args, 9);
  const depthTaps = word(args, 19), m = word(args, 20);
  const q = word(args, 26) > 1 ? word(args, 26) - 2 : 1;
  const perSlice = rows * ((word(args, 15) + m - 1) / m);
  const layers = (slices + q - 1) / q;
  const tiles = perSlice * layers;
  const inputTiles = perSlice * (layers + depthTaps - 1);
  const v = scratch + <usize>word(args, 6), zAt = scratch + <usize>word(args, 27);
  const strideV = <usize>word(args, 28), strideZ = <usize>word(args, 29);
  const side = m + 2;
  const samples = min(word(args, 32), word(args, 7) - firstSample);

  const plane = <usize>(word(args, 11) * word(args, 12)) << 5;
  for (let k = 0; k < samples * inputBlocks; k++) {
    const sample = k % samples, block = k / samples;
    const volume = address(args, 0) + <usize>((firstSample + sample) * inputBlocks + block) * <usize>word(args, 10) * plane;
    const to = v + (<usize>(k * inputTiles) << 5);
    winograd_tiles(false, m, q, z, z + 1, volume, word(args, 10), word(args, 11), word(args, 12), z0 - word(args, 16), row0 * m - word(args, 17), -word(args, 18), layers + depthTaps - 1, rows, perSlice / rows, first, end, scratch, to, strideV);
  }
  const outPlane = <usize>(word(args, 14) * word(args, 15)) << 5;
  for (let k = 0; k < samples * outputBlocks; k++) {
    const sample = k % samples, block = k / samples;
    const volume = address(args, 1) + <usize>((firstSample + sample) * outputBlocks + block) * <usize>word(args, 13) * outPlane;
    const to = zAt + (<usize>(k * tiles) << 5);
    winograd_tiles(true, m, q, z, z + 1, volume, word(args, 13), word(args, 14), word(args, 15), z0, row0 * m, 0, layers, rows, perSlice / rows, first, end, scratch, to, strideZ);
  }

  // Without depth taps the tiles of all samples are one run.
  const runs = depthTaps == 1 ? 1 : samples;
  const length = tiles * samples / runs;
  const positions = (end - first) * side;
  for (let p = 0; p < positions; p++) {
    const position = sums + <usize>(z * side * side + first * side + p) * <usize>word(args, 30);
    for (let block = 0; block < inputBlocks; block++)
      for (let o = 0; o < outputBlocks; o++)
        for (let kd = 0; kd < depthTaps; kd++) {
          let x = v + <usize>p * strideV + (<usize>(block * samples * inputTiles + kd * perSlice) << 5);
          let y = zAt + <usize>p * strideZ + (<usize>(o * samples * tiles) << 5);
          const sum = position + (<usize>(((o * depthTaps + kd) * inputBlocks + block) << 3) << 5);
          for (let run = 0; run < runs; run++) {
            conv_outer_tile(x, 32, y, 32, length, sum, add || run > 0);
            conv_outer_tile(x + 16, 32, y, 32, length, sum + 128, add || run > 0);
            x += <usize>inputTiles << 5;
            y += <usize>tiles << 5;
          }
        }
  }
}
