// Direct convolution and its transpose, any kernel, stride and padding: gather a padded slab, then multiply.
//
// Output positions are walked per phase: o = q * outputStride + phase. A convolution has one phase (outputStride 1); the
// transposed one has a phase per residue of the stride, each an ordinary convolution with the taps that hit it.
// A piece of work is a box of q (whole rows of x) of one sample and a group of output channels: it copies the input it needs
// into its thread's scratch as [z][y][x][channels] with zeros outside (so a row of taps is one run of memory), tabulates
// where each output voxel reads and writes, and multiplies tile by tile.

import { MOMENTS_BYTES, record_moments } from '../../devices/wasm/moments.as';
import { address, draw, word } from '../../devices/wasm/simd.as';
import { conv_tile } from './tile.as';

/** args: counters, how many, bias or 0, channels, padded bias (a multiple of 8 floats). Sets counters to 0, pads the bias. */
export function conv_begin(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const counters = address(args, 0);
  memory.fill(counters, 0, <usize>word(args, 1) << 2);
  const bias = address(args, 2);
  const channels = word(args, 3);
  const padded = address(args, 4);
  const blocks = (channels + 7) >> 3;
  memory.fill(padded, 0, <usize>blocks << 5);
  if (bias != 0) memory.copy(padded, bias, <usize>channels << 2);
}

/**
 * Weights into [output block][tap][input channel][8]. args: weight, packed, output channels, input channels, padded input
 * channels, output stride, input stride (elements), number of taps, list of tap offsets (elements).
 */
export function conv_pack(args: usize, part: i32, parts: i32): void {
  const weight = address(args, 0);
  const packed = address(args, 1);
  const outputs = word(args, 2);
  const inputs = word(args, 3);
  const padded = word(args, 4);
  const outputStride = <usize>word(args, 5) << 2;
  const inputStride = <usize>word(args, 6) << 2;
  const taps = word(args, 7);
  const offsets = address(args, 8);
  const blocks = (outputs + 7) >> 3;
  const rows = blocks * taps;
  for (let row = part; row < rows; row += parts) {
    const block = row / taps;
    const tap = <usize>load<u32>(offsets + (<usize>(row % taps) << 2)) << 2;
    const present = min(8, outputs - (block << 3));
    let to = packed + (<usize>row * <usize>padded << 5);
    const from = weight + <usize>(block << 3) * outputStride + tap;
    for (let k = 0; k < padded; k++) {
      let o = 0;
      if (k < inputs) for (; o < present; o++) store<f32>(to + (<usize>o << 2), load<f32>(from + <usize>k * inputStride + <usize>o * outputStride));
      for (; o < 8; o++) store<f32>(to + (<usize>o << 2), 0);
      to += 32;
    }
  }
}

/** Copies one row of input voxels [x0, x0 + length) into the slab, zero outside of [0, width). */
export function conv_gather_row(from: usize, blocked: bool, channels: i32, voxels: usize, width: i32, x0: i32, length: i32, to: usize, padded: i32): void {
  const bytes = <usize>padded << 2;
  const before = min(length, max(0, -x0));
  const end = max(before, min(length, width - x0));
  if (before > 0) memory.fill(to, 0, <usize>before * bytes);
  if (end < length) memory.fill(to + <usize>end * bytes, 0, <usize>(length - end) * bytes);
  if (blocked) {
    const blocks = (channels + 7) >> 3;
    for (let b = 0; b < blocks; b++) {
      let source = from + (<usize>b * voxels << 5) + (<usize>(x0 + before) << 5);
      let target = to + <usize>before * bytes + (<usize>b << 5);
      for (let x = before; x < end; x++) {
        v128.store(target, v128.load(source));
        v128.store(target, v128.load(source, 16), 16);
        source += 32;
        target += bytes;
      }
    }
  } else {
    for (let c = 0; c < channels; c++) {
      let source = from + (<usize>c * voxels << 2) + (<usize>(x0 + before) << 2);
      let target = to + <usize>before * bytes + (<usize>c << 2);
      for (let x = before; x < end; x++) {
        store<f32>(target, load<f32>(source));
        source += 4;
        target += bytes;
      }
    }
  }
}

/** Words of the arguments of conv_direct; the lowering writes them in this order. */
// 0 x, 1 packed weights, 2 padded bias, 3 y, 4 scratch, 5 scratch bytes per thread, 6 counter
// 7 x is blocked, 8 samples, 9 channels in, 10 padded channels in, 11 12 13 input size, 14 15 16 output size, 17 output blocks
// 18 19 20 input stride, 21 22 23 output stride, 24 25 26 lowest input offset, 27 28 29 span of input offsets
// 30 31 box of q in z and y, 32 output blocks per piece, 33 taps in all, 34 phases, 35 phase table
// 36 byte offset of the tables in a thread's scratch, 37 gather runs into columns, 38 byte offset of the columns, 39 output channels
// 40 records of moments or 0: one per output block, slice and row; only where the output stride is 1
// A phase: 0 1 2 phase, 3 runs, 4 taps per run, 5 taps before this phase, 6 address of the runs, three words each: z, y, x of the first tap in the slab.

export function conv_direct(args: usize, part: i32, parts: i32): void {
  const samples = word(args, 8);
  const boxZ = word(args, 30);
  const boxY = word(args, 31);
  const group = word(args, 32);
  const blocks = word(args, 17);
  const countZ = (((word(args, 14) + word(args, 21) - 1) / word(args, 21)) + boxZ - 1) / boxZ;
  const countY = (((word(args, 15) + word(args, 22) - 1) / word(args, 22)) + boxY - 1) / boxY;
  const groups = (blocks + group - 1) / group;
  const pieces = samples * countZ * countY * groups;
  const scratch = address(args, 4) + <usize>part * <usize>word(args, 5);
  for (let piece = draw(address(args, 6)); piece < pieces; piece = draw(address(args, 6))) {
    let rest = piece / groups;
    const firstBlock = (piece % groups) * group;
    const y = rest % countY;
    rest /= countY;
    directPiece(args, scratch, rest / countZ, (rest % countZ) * boxZ, y * boxY, firstBlock, min(blocks, firstBlock + group));
  }
}

function directPiece(args: usize, slab: usize, sample: i32, qz0: i32, qy0: i32, firstBlock: i32, endBlock: i32): void {
  const padded = word(args, 10);
  const depth = word(args, 11), height = word(args, 12), width = word(args, 13);
  const outDepth = word(args, 14), outHeight = word(args, 15), outWidth = word(args, 16);
  const blocks = word(args, 17);
  const strideZ = word(args, 18), strideY = word(args, 19), strideX = word(args, 20);
  const stepZ = word(args, 21), stepY = word(args, 22), stepX = word(args, 23);
  const qz1 = min(qz0 + word(args, 30), (outDepth + stepZ - 1) / stepZ);
  const qy1 = min(qy0 + word(args, 31), (outHeight + stepY - 1) / stepY);
  const qxs = (outWidth + stepX - 1) / stepX;
  const slabDepth = (qz1 - qz0 - 1) * strideZ + word(args, 27);
  const slabHeight = (qy1 - qy0 - 1) * strideY + word(args, 28);
  const slabWidth = (qxs - 1) * strideX + word(args, 29);
  const voxelBytes = <usize>padded << 2;
  const rowBytes = <usize>slabWidth * voxelBytes;

  const channels = word(args, 9);
  const blocked = word(args, 7) != 0;
  const voxels = <usize>depth * <usize>height * <usize>width;
  const x = address(args, 0) + (<usize>sample * (blocked ? <usize>((channels + 7) & ~7) : <usize>channels) * voxels << 2);
  const x0 = word(args, 26);
  for (let z = 0; z < slabDepth; z++) {
    const iz = qz0 * strideZ + word(args, 24) + z;
    for (let y = 0; y < slabHeight; y++) {
      const iy = qy0 * strideY + word(args, 25) + y;
      const to = slab + <usize>(z * slabHeight + y) * rowBytes;
      if (iz < 0 || iz >= depth || iy < 0 || iy >= height) memory.fill(to, 0, rowBytes);
      else conv_gather_row(x + (<usize>(iz * height + iy) * <usize>width << (blocked ? 5 : 2)), blocked, channels, voxels, width, x0, slabWidth, to, padded);
    }
  }

  const outVoxels = <usize>outDepth * <usize>outHeight * <usize>outWidth;
  const output = address(args, 3) + (<usize>(sample * blocks) * outVoxels << 5);
  const weights = address(args, 1);
  const bias = address(args, 2);
  const taps = <usize>word(args, 33);
  const tables = slab + <usize>word(args, 36);
  const gather = word(args, 37) != 0;
  const columns = slab + <usize>word(args, 38);
  const phases = word(args, 34);
  for (let p = 0; p < phases; p++) {
    const phase = address(args, 35) + <usize>p * 28;
    const fz = word(phase, 0), fy = word(phase, 1), fx = word(phase, 2);
    let runs = word(phase, 3);
    const runBytes = <usize>word(phase, 4) * voxelBytes;
    // Tables: where each run starts in the slab, then per voxel where it reads and where it writes.
    const offsets = tables;
    const triples = address(phase, 6);
    for (let r = 0; r < runs; r++) {
      const triple = triples + <usize>r * 12;
      const at = <usize>(word(triple, 0) * slabHeight + word(triple, 1)) * rowBytes + <usize>word(triple, 2) * voxelBytes;
      store<u32>(offsets + (<usize>r << 2), <u32>at);
    }
    const places = offsets + (<usize>runs << 2);
    let count = 0;
    for (let qz = qz0; qz < qz1; qz++) {
      const oz = qz * stepZ + fz;
      if (oz >= outDepth) break;
      for (let qy = qy0; qy < qy1; qy++) {
        const oy = qy * stepY + fy;
        if (oy >= outHeight) break;
        let from = slab + <usize>((qz - qz0) * strideZ * slabHeight + (qy - qy0) * strideY) * rowBytes;
        let to = <usize>(oz * outHeight + oy) * <usize>outWidth + <usize>fx << 5;
        for (let ox = fx; ox < outWidth; ox += stepX) {
          store<u32>(places + (<usize>count << 3), <u32>from);
          store<u32>(places + (<usize>count << 3), <u32>to, 4);
          count++;
          from += <usize>strideX * voxelBytes;
          to += <usize>stepX << 5;
        }
      }
    }
    if (count == 0) continue;
    let length = runBytes;
    if (gather && runs > 0) {
      length = <usize>runs * runBytes;
      conv_gather_columns(places, count, offsets, runs, runBytes, columns);
      store<u32>(offsets, 0);
      runs = 1;
    }
    const last = count - 1;
    for (let block = firstBlock; block < endBlock; block++) {
      const w = weights + ((<usize>word(phase, 5) * <usize>blocks + <usize>block * <usize>(word(phase, 3) * word(phase, 4))) * <usize>padded << 5);
      const y = output + (<usize>block * outVoxels << 5);
      const b = bias + (<usize>block << 5);
      for (let t = 0; t < count; t += 4) {
        // The last tile may name a voxel twice: it computes and stores the same values twice.
        const v0 = places + (<usize>t << 3);
        const v1 = places + (<usize>min(t + 1, last) << 3);
        const v2 = places + (<usize>min(t + 2, last) << 3);
        const v3 = places + (<usize>min(t + 3, last) << 3);
        conv_tile(
          <usize>load<u32>(v0), <usize>load<u32>(v1), <usize>load<u32>(v2), <usize>load<u32>(v3), offsets, runs, length, w, b,
          y + <usize>load<u32>(v0, 4), y + <usize>load<u32>(v1, 4), y + <usize>load<u32>(v2, 4), y + <usize>load<u32>(v3, 4),
        );
      }
      if (block == blocks - 1) {
        const unused = (blocks << 3) - word(args, 39);
        if (unused > 0) for (let t = 0; t < count; t++) memory.fill(y + <usize>load<u32>(places + (<usize>t << 3), 4) + (<usize>(8 - unused) << 2), 0, <usize>unused << 2);
      }
      if (address(args, 40) != 0) boxMoments(args, sample, block, qz0, qz1, qy0, qy1);
    }
  }
}

/** Records the moments of what a piece has just written of one output block while it is in the cache; row by row, so that sums do not depend on the pieces. */
function boxMoments(args: usize, sample: i32, block: i32, z0: i32, z1: i32, y0: i32, y1: i32): void {
  const outHeight = word(args, 15), outWidth = word(args, 16);
  for (let z = z0; z < z1; z++) {
    const slice = ((sample * word(args, 17) + block) * word(args, 14) + z) * outHeight;
    for (let row = slice + y0; row < slice + y1; row++)
      record_moments(address(args, 3) + (<usize>row * <usize>outWidth << 5), outWidth, address(args, 40) + <usize>row * MOMENTS_BYTES);
  }
}

/** Few channels: all taps of a voxel side by side, so that the inner loop is long. Rewrites where the voxels read. */
export function conv_gather_columns(places: usize, count: i32, offsets: usize, runs: i32, runBytes: usize, columns: usize): void {
  let to = columns;
  for (let t = 0; t < count; t++) {
    const from = <usize>load<u32>(places + (<usize>t << 3));
    store<u32>(places + (<usize>t << 3), <u32>to);
    for (let r = 0; r < runs; r++) {
      const source = from + <usize>load<u32>(offsets + (<usize>r << 2));
      for (let k: usize = 0; k < runBytes; k += 4) store<f32>(to + k, load<f32>(source + k));
      to += runBytes;
    }
  }
}
