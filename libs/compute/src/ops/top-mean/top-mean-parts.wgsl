// The selection of top-mean.wgsl with its passes apart, for tensors that are walked in parts. `start`: nothing is known of the
// threshold's key, `count` elements are to be found; `count`: how many elements of a part continue the known bytes by each
// value; `choose`: the byte in which the last element lies; `add_up`: what lies above the threshold; `finish`: the mean.
struct Sizes {
  length: u32,
  count: u32,
  pass_: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> x: array<X>; // of `finish`: the sum
@group(0) @binding(1) var<storage, read_write> state: array<u32, 4>; // known bytes, elements left to find, ties
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>, 256>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> kept: array<f32>; // threshold, share of each tie
@group(0) @binding(5) var<uniform> sizes: Sizes;

const CHUNK = 16384u;

var<workgroup> own: array<atomic<u32>, 256>;
var<workgroup> joined: array<f32, 256>;

// Unsigned integers in the order of the floats.
fn keyOf(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

@compute @workgroup_size(1)
fn start() {
  state[0] = 0u;
  state[1] = sizes.count;
  state[2] = 0u;
  state[3] = 0u;
}

@compute @workgroup_size(256)
fn clear(@builtin(local_invocation_index) local: u32) { atomicStore(&counts[local], 0u); }

@compute @workgroup_size(256)
fn count(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let first = (group.y * groups.x + group.x) * CHUNK;
  let shift = 24u - 8u * sizes.pass_;
  let known = state[0];
  atomicStore(&own[local], 0u);
  workgroupBarrier();
  for (var k = first + local; k < min(sizes.length, first + CHUNK); k += 256u) {
    let key = keyOf(f32(x[k]));
    // Two shifts: one by 32 is not defined.
    if ((key >> shift) >> 8u == known) { atomicAdd(&own[(key >> shift) & 255u], 1u); }
  }
  workgroupBarrier();
  atomicAdd(&counts[local], atomicLoad(&own[local]));
}

@compute @workgroup_size(1)
fn choose() {
  var left = state[1];
  var byte = 255u;
  while (byte > 0u && atomicLoad(&counts[byte]) < left) {
    left -= atomicLoad(&counts[byte]);
    byte--;
  }
  state[0] = (state[0] << 8u) | byte;
  state[1] = left;
  state[2] = atomicLoad(&counts[byte]);
}

@compute @workgroup_size(256)
fn add_up(@builtin(local_invocation_index) local: u32) {
  let threshold = state[0];
  var sum = 0.0;
  for (var k = local; k < sizes.length; k += 256u) {
    let v = f32(x[k]);
    if (keyOf(v) > threshold) { sum += v; }
  }
  joined[local] = sum;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half /= 2u) {
    if (local < half) { joined[local] += joined[local + half]; }
    workgroupBarrier();
  }
  if (local == 0u) { mean[0] = joined[0]; }
}

@compute @workgroup_size(1)
fn finish() {
  let threshold = state[0];
  let value = bitcast<f32>(select(~threshold, threshold & 0x7fffffffu, (threshold & 0x80000000u) != 0u));
  mean[0] = (f32(x[0]) + f32(state[1]) * value) / f32(sizes.count);
  kept[0] = value;
  kept[1] = f32(state[1]) / f32(state[2]);
}
