// Direct gradients of a convolution's weight and bias.
//
// Sums run over fixed blocks of output rows, each with accumulators of its own in scratch, added up in block order at the
// end: who computed which block cannot be seen in the result.

import { address, draw, word } from '../../devices/wasm/simd.as';
import { conv_gather_row } from './direct.as';
import { conv_outer_tile } from './tile.as';

/** Output voxels per product: a panel of x and one of dy stay in the first-level cache. */
const PANEL: i32 = 384;

/**
 * Sums per (block of rows, input block, output block): [tap][8 in][8 out].
 * args: 0 x (blocked), 1 dy (blocked), 2 sums, 3 counter, 4 samples, 5 input blocks, 6 output blocks, 7 8 9 input size,
 * 10 11 12 output size, 13 14 15 kernel, 16 17 18 stride, 19 20 21 padding, 22 row blocks, 23 scratch, 24 scratch bytes per thread.
 */
export function conv_weight_gradient(args: usize, part: i32, parts: i32): void {
  const inputBlocks = word(args, 5), outputBlocks = word(args, 6);
  const pieces = inputBlocks * word(args, 22);
  const bytes = <usize>(outputBlocks * word(args, 13) * word(args, 14) * word(args, 15)) << 8;
  const panel = address(args, 23) + <usize>part * <usize>word(args, 24);
  for (let piece = draw(address(args, 3)); piece < pieces; piece = draw(address(args, 3))) {
    const sums = address(args, 2) + <usize>piece * bytes;
    memory.fill(sums, 0, bytes);
    rowBlock(args, piece / inputBlocks, piece % inputBlocks, sums, panel);
  }
}

/** One block of rows, one block of input channels: per tap, what the tap reads is gathered into a panel and multiplied with dy. */
function rowBlock(args: usize, rowBlock: i32, inputBlock: i32, sums: usize, panel: usize): void {
  const outputBlocks = word(args, 6);
  const depth = word(args, 7), height = word(args, 8), width = word(args, 9);
  const outHeight = word(args, 11), outWidth = word(args, 12);
  const kernelZ = word(args, 13), kernelY = word(args, 14), kernelX = word(args, 15);
  const strideZ = word(args, 16), strideY = word(args, 17), strideX = word(args, 18);
  const taps = kernelZ * kernelY * kernelX;
  const rowsPerSample = word(args, 10) * outHeight;
  const rows = word(args, 4) * rowsPerSample;
  const end = <i32>(<i64>rows * (rowBlock + 1) / word(args, 22));
  const most = max(1, PANEL / outWidth);
  // A 1×1×1 kernel reads x as it lies.
  const inPlace = taps == 1 && (strideZ | strideY | strideX) == 1 && (word(args, 19) | word(args, 20) | word(args, 21)) == 0;
  for (let row = <i32>(<i64>rows * rowBlock / word(args, 22)); row < end; ) {
    const sample = row / rowsPerSample;
    const first = row % rowsPerSample;
    const count = min(min(most, end - row), rowsPerSample - first);
    const x = address(args, 0) + (<usize>(sample * word(args, 5) + inputBlock) * <usize>(depth * height * width) << 5);
    const dy = address(args, 1) + (<usize>((sample * outputBlocks) * rowsPerSample + first) * <usize>outWidth << 5);
    for (let tap = 0; tap < taps; tap++) {
      let from = panel;
      if (inPlace) from = x + (<usize>(first * outWidth) << 5);
      else {
        const kx = tap % kernelX - word(args, 21), ky = (tap / kernelX) % kernelY - word(args, 20), kz = tap / (kernelX * kernelY) - word(args, 19);
        let to = panel;
        for (let r = first; r < first + count; r++) {
          const iz = r / outHeight * strideZ + kz, iy = r % outHeight * strideY + ky;
          if (iz < 0 || iz >= depth || iy < 0 || iy >= height) memory.fill(to, 0, <usize>outWidth << 5);
          else gatherVoxels(x + (<usize>((iz * height + iy) * width) << 5), width, kx, strideX, outWidth, to);
          to += <usize>outWidth << 5;
        }
      }
      for (let block = 0; block < outputBlocks; block++) {
        const at = dy + (<usize>(block * rowsPerSample * outWidth) << 5);
        const sum = sums + (<usize>(block * taps + tap) << 8);
        conv_outer_tile(from, 32, at, 32, count * outWidth, sum, true);
        conv_outer_tile(from + 16, 32, at, 32, count * outWidth, sum + 128, true);
      }
    }
    row += count;
  }
}

/** Voxels x0, x0 + step, … of a row of `width`; zeros outside. */
function gatherVoxels(row: usize, width: i32, x0: i32, step: i32, count: i32, to: usize): void {
  const zero = f32x4.splat(0);
  let x = x0;
  for (let k = 0; k < count; k++) {
    if (<u32>x < <u32>width) {
      const from = row + (<usize>x << 5);
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
    } else {
      v128.store(to, zero);
      v128.store(to, zero, 16);
    }
    x += step;
    to += 32;
  }
}

/**
 * The same for few input channels in plain layout: per piece (rows of one slice), columns of all taps, then one product.
 * Sums: [piece][output block][k][8 out], k = tap * channels + channel, padded to a multiple of 4.
 * args: as conv_weight_gradient up to 21 but 0 x (plain), 5 input channels, 22 rows per piece, 23 scratch, 24 scratch bytes per thread,
 * 25 byte offset of the columns in it.
 */
export function conv_weight_gradient_few(args: usize, part: i32, parts: i32): void {
  const samples = word(args, 4);
  const outDepth = word(args, 10), outHeight = word(args, 11);
  const rows = word(args, 22);
  const countY = (outHeight + rows - 1) / rows;
  const pieces = samples * outDepth * countY;
  const scratch = address(args, 23) + <usize>part * <usize>word(args, 24);
  for (let piece = draw(address(args, 3)); piece < pieces; piece = draw(address(args, 3))) {
    const y = piece % countY;
    const z = (piece / countY) % outDepth;
    columnsPiece(args, scratch, piece, piece / (countY * outDepth), z, y * rows, min(outHeight, (y + 1) * rows));
  }
}

function columnsPiece(args: usize, slab: usize, piece: i32, sample: i32, oz: i32, oy0: i32, oy1: i32): void {
  const channels = word(args, 5), blocks = word(args, 6);
  const depth = word(args, 7), height = word(args, 8), width = word(args, 9);
  const outDepth = word(args, 10), outHeight = word(args, 11), outWidth = word(args, 12);
  const kernelZ = word(args, 13), kernelY = word(args, 14), kernelX = word(args, 15);
  const strideY = word(args, 17), strideX = word(args, 18);
  const voxels = <usize>depth * <usize>height * <usize>width;
  const slabHeight = (oy1 - oy0 - 1) * strideY + kernelY;
  const slabWidth = (outWidth - 1) * strideX + kernelX;
  const rowBytes = <usize>(slabWidth * channels) << 2;
  const x = address(args, 0) + (<usize>(sample * channels) * voxels << 2);
  for (let z = 0; z < kernelZ; z++) {
    const iz = oz * word(args, 16) - word(args, 19) + z;
    for (let y = 0; y < slabHeight; y++) {
      const iy = oy0 * strideY - word(args, 20) + y;
      const to = slab + <usize>(z * slabHeight + y) * rowBytes;
      if (iz < 0 || iz >= depth || iy < 0 || iy >= height) memory.fill(to, 0, rowBytes);
      else conv_gather_row(x + (<usize>(iz * height + iy) * <usize>width << 2), false, channels, voxels, width, -word(args, 21), slabWidth, to, channels);
    }
  }
  const runBytes = <usize>(kernelX * channels) << 2;
  const k = kernelZ * kernelY * kernelX * channels;
  const padded = (k + 3) & ~3;
  const columns = slab + <usize>word(args, 25);
  let to = columns;
  for (let oy = oy0; oy < oy1; oy++)
    for (let ox = 0; ox < outWidth; ox++) {
      const corner = slab + <usize>((oy - oy0) * strideY) * rowBytes + (<usize>(ox * strideX * channels) << 2);
      for (let kz = 0; kz < kernelZ; kz++)
        for (let ky = 0; ky < kernelY; ky++) {
          const source = corner + <usize>(kz * slabHeight + ky) * rowBytes;
          for (let at: usize = 0; at < runBytes; at += 4) store<f32>(to + at, load<f32>(source + at));
          to += runBytes;
        }
      for (let pad = k; pad < padded; pad++) {
        store<f32>(to, 0);
        to += 4;
      }
    }
  const count = (oy1 - oy0) * outWidth;
  for (let block = 0; block < blocks; block++) {
    const dy = address(args, 1) + (<usize>(((sample * blocks + block) * outDepth + oz) * outHeight + oy0) * <usize>outWidth << 5);
    const sums = address(args, 2) + (<usize>((piece * blocks + block) * padded) << 5);
    for (let c = 0; c < padded; c += 4) conv_outer_tile(columns + (<usize>c << 2), <usize>padded << 2, dy, 32, count, sums + (<usize>c << 5), false);
  }
}

/**
 * Adds the blocks' sums in order and writes the plain weight gradient [out][in][tap].
 * args: 0 sums, 1 gradient, 2 blocks, 3 bytes per block, 4 outputs, 5 inputs, 6 taps; bytes from one to the next:
 * 7 output block, 8 input block, 9 input channel within its block, 10 tap.
 */
export function conv_weight_gradient_finish(args: usize, part: i32, parts: i32): void {
  const sums = address(args, 0), gradient = address(args, 1);
  const blocks = word(args, 2), blockBytes = <usize>word(args, 3);
  const outputs = word(args, 4), inputs = word(args, 5), taps = word(args, 6);
  for (let o = part; o < outputs; o += parts)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < taps; tap++) {
        let at = sums + <usize>(o >> 3) * <usize>word(args, 7) + (<usize>(o & 7) << 2) + <usize>(i >> 3) * <usize>word(args, 8) + <usize>(i & 7) * <usize>word(args, 9) + <usize>tap * <usize>word(args, 10);
        let sum: f64 = 0;
        for (let block = 0; block < blocks; block++) {
          sum += <f64>load<f32>(at);
          at += blockBytes;
        }
        store<f32>(gradient + (<usize>((o * inputs + i) * taps + tap) << 2), <f32>sum);
      }
}

/** Voxels per partial sum of the bias gradient. */
const SUM_BLOCK: i32 = 1024;

/** Partial sums over fixed blocks of voxels. args: dy (blocked), partial sums, samples, output blocks, voxels. */
export function conv_bias_gradient(args: usize, part: i32, parts: i32): void {
  const voxels = word(args, 4);
  const perRow = (voxels + SUM_BLOCK - 1) / SUM_BLOCK;
  const pieces = word(args, 2) * word(args, 3) * perRow;
  for (let piece = part; piece < pieces; piece += parts) {
    const first = (piece % perRow) * SUM_BLOCK;
    let at = address(args, 0) + (<usize>(piece / perRow) * <usize>voxels + <usize>first << 5);
    const end = at + (<usize>min(SUM_BLOCK, voxels - first) << 5);
    let low = f32x4.splat(0), high = low;
    for (; at < end; at += 32) {
      low = f32x4.add(low, v128.load(at));
      high = f32x4.add(high, v128.load(at, 16));
    }
    const to = address(args, 1) + (<usize>piece << 5);
    v128.store(to, low);
    v128.store(to, high, 16);
  }
}

/** args: partial sums, gradient, samples, output channels, voxels. */
export function conv_bias_gradient_finish(args: usize, part: i32, parts: i32): void {
  const channels = word(args, 3);
  const blocks = (channels + 7) >> 3;
  const perRow = (word(args, 4) + SUM_BLOCK - 1) / SUM_BLOCK;
  for (let c = part; c < channels; c += parts) {
    let sum: f64 = 0;
    for (let sample = 0; sample < word(args, 2); sample++) {
      const row = address(args, 0) + (<usize>((sample * blocks + (c >> 3)) * perRow) << 5) + (<usize>(c & 7) << 2);
      for (let k = 0; k < perRow; k++) sum += <f64>load<f32>(row + (<usize>k << 5));
    }
    store<f32>(address(args, 1) + (<usize>c << 2), <f32>sum);
  }
}
