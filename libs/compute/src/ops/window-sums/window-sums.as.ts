// Sums of windows (AssemblyScript). A thread owns whole layers of eight channels of the sums, so every number has one writer and
// one order of additions, however many threads there are.
import { address, madd, word } from '../../devices/wasm/simd.as';

/** args: sum, x, weights, places, samples, channels, blocked, patch (z, y, x), image (z, y, x), layers held along z and y. */
export function add_window(args: usize, part: i32, parts: i32): void {
  const places = address(args, 3);
  const samples = word(args, 4);
  const blocks = (word(args, 5) + 7) >> 3;
  const patchZ = word(args, 7);
  const imageZ = word(args, 10);
  const held = word(args, 13);
  const tasks = blocks * held;
  for (let task = <i32>(<i64>tasks * part / parts), end = <i32>(<i64>tasks * (part + 1) / parts); task < end; task++) {
    const layer = task % held;
    for (let n = 0; n < samples; n++) {
      const place = places + <usize>n * 24;
      const start = load<i32>(place);
      const low = max(0, start);
      const high = min(imageZ, start + patchZ);
      for (let z = low + (layer - low % held + held) % held; z < high; z += held) {
        addLayer(args, place, n, task / held, layer, z - start);
      }
    }
  }
}

/** One layer `p` of a window, eight channels of it. */
function addLayer(args: usize, place: usize, n: i32, block: i32, layer: i32, p: i32): void {
  const weights = address(args, 2);
  const patchZ = word(args, 7);
  const patchY = word(args, 8);
  const patchX = word(args, 9);
  const heldY = word(args, 14);
  const startY = load<i32>(place, 4);
  const startX = load<i32>(place, 8);
  const q = load<i32>(place, 12) != 0 ? patchZ - 1 - p : p;
  const turnY = load<i32>(place, 16) != 0;
  const turnX = load<i32>(place, 20) != 0;
  const lowX = max(0, startX);
  const count = min(word(args, 12), startX + patchX) - lowX;
  if (count <= 0) return;
  const firstX = turnX ? patchX - 1 - (lowX - startX) : lowX - startX;
  for (let y = max(0, startY), end = min(word(args, 11), startY + patchY); y < end; y++) {
    const row = y - startY;
    const weightRow = weights + (<usize>((p * patchY + row) * patchX + lowX - startX) << 2);
    const from = (q * patchY + (turnY ? patchY - 1 - row : row)) * patchX + firstX;
    const to = (layer * heldY + y % heldY) * word(args, 12) + lowX;
    if (word(args, 6) != 0) addBlockedRow(args, n, block, from, turnX ? -32 : 32, to, weightRow, count);
    else addPlainRow(args, n, block, from, turnX, to, weightRow, count);
  }
}

/** `from`: voxel in the window, `to`: voxel in a channel of the sums. Four voxels of four channels at a time, turned over in registers. */
function addBlockedRow(args: usize, n: i32, block: i32, from: i32, step: isize, to: i32, weights: usize, count: i32): void {
  const channels = word(args, 5);
  const voxels = <usize>(word(args, 7) * word(args, 8) * word(args, 9));
  const plane = <usize>(word(args, 13) * word(args, 14) * word(args, 12)) << 2;
  const blocks = (channels + 7) >> 3;
  const source = address(args, 1) + ((<usize>(n * blocks + block) * voxels + <usize>from) << 5);
  for (let half = 0; half < 2; half++) {
    const first = block * 8 + half * 4;
    const lanes = min(4, channels - first);
    if (lanes <= 0) return;
    let read = source + (<usize>half << 4);
    const target = address(args, 0) + <usize>first * plane + (<usize>to << 2);
    let x = 0;
    for (; x + 4 <= count; x += 4) {
      const a = v128.load(read);
      const b = v128.load(read + step);
      const c = v128.load(read + 2 * step);
      const d = v128.load(read + 3 * step);
      read += 4 * step;
      const w = v128.load(weights + (<usize>x << 2));
      const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
      const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
      const at = target + (<usize>x << 2);
      addFour(at, w, v128.shuffle<i32>(ab, cd, 0, 1, 4, 5));
      if (lanes > 1) addFour(at + plane, w, v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
      if (lanes > 2) {
        const ef = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
        const gh = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
        addFour(at + 2 * plane, w, v128.shuffle<i32>(ef, gh, 0, 1, 4, 5));
        if (lanes > 3) addFour(at + 3 * plane, w, v128.shuffle<i32>(ef, gh, 2, 3, 6, 7));
      }
    }
    for (; x < count; x++, read += step) {
      const w = load<f32>(weights + (<usize>x << 2));
      for (let lane = 0; lane < lanes; lane++) {
        const at = target + <usize>lane * plane + (<usize>x << 2);
        store<f32>(at, load<f32>(at) + w * load<f32>(read + (<usize>lane << 2)));
      }
    }
  }
}

@inline function addFour(at: usize, weights: v128, values: v128): void {
  v128.store(at, madd(weights, values, v128.load(at)));
}

function addPlainRow(args: usize, n: i32, block: i32, from: i32, turned: bool, to: i32, weights: usize, count: i32): void {
  const channels = word(args, 5);
  const voxels = <usize>(word(args, 7) * word(args, 8) * word(args, 9));
  const plane = <usize>(word(args, 13) * word(args, 14) * word(args, 12));
  for (let k = block * 8, end = min(channels, block * 8 + 8); k < end; k++) {
    const source = address(args, 1) + ((<usize>(n * channels + k) * voxels + <usize>from) << 2);
    const target = address(args, 0) + ((<usize>k * plane + <usize>to) << 2);
    let x = 0;
    if (!turned) {
      for (; x + 4 <= count; x += 4) {
        const offset = <usize>x << 2;
        addFour(target + offset, v128.load(weights + offset), v128.load(source + offset));
      }
    }
    for (; x < count; x++) {
      const at = target + (<usize>x << 2);
      const value = load<f32>(turned ? source - (<usize>x << 2) : source + (<usize>x << 2));
      store<f32>(at, load<f32>(at) + load<f32>(weights + (<usize>x << 2)) * value);
    }
  }
}

/** args: sum, y, runs, elements per run, first element in a run, elements taken. */
export function take_slab(args: usize, part: i32, parts: i32): void {
  const sum = address(args, 0);
  const y = address(args, 1);
  const runs = word(args, 2);
  const bytes = <usize>word(args, 3) << 2;
  const first = <usize>word(args, 4) << 2;
  const taken = <usize>word(args, 5) << 2;
  for (let run = <i32>(<i64>runs * part / parts), end = <i32>(<i64>runs * (part + 1) / parts); run < end; run++) {
    const from = sum + <usize>run * bytes + first;
    memory.copy(y + <usize>run * taken, from, taken);
    memory.fill(from, 0, taken);
  }
}
