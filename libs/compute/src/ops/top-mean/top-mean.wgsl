// The mean of the greatest `count` elements. `select_`: one workgroup finds the threshold by four passes of counting over
// the bytes of order-keeping keys (radix selection), then adds up what lies above; `gradient`: an element each.
struct Sizes {
  length: u32,
  count: u32,
  unused0: u32,
  unused1: u32,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> mean: array<f32>;
@group(0) @binding(2) var<storage, read_write> kept: array<f32>; // threshold, share of each tie
@group(0) @binding(3) var<storage, read> given: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<Y>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

var<workgroup> counts: array<atomic<u32>, 256>;
var<workgroup> prefix: u32;
var<workgroup> left: u32;
var<workgroup> ties: u32;
var<workgroup> joined: array<f32, 256>;

// Unsigned integers in the order of the floats.
fn keyOf(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

@compute @workgroup_size(256)
fn select_(@builtin(local_invocation_index) local: u32) {
  if (local == 0u) {
    prefix = 0u;
    left = sizes.count;
  }
  for (var pass_ = 0u; pass_ < 4u; pass_++) {
    let shift = 24u - 8u * pass_;
    atomicStore(&counts[local], 0u);
    workgroupBarrier();
    let known = workgroupUniformLoad(&prefix);
    for (var k = local; k < sizes.length; k += 256u) {
      let key = keyOf(f32(x[k]));
      // Two shifts: one by 32 is not defined.
      if ((key >> shift) >> 8u == known) { atomicAdd(&counts[(key >> shift) & 255u], 1u); }
    }
    workgroupBarrier();
    if (local == 0u) {
      var byte = 255u;
      while (byte > 0u && atomicLoad(&counts[byte]) < left) {
        left -= atomicLoad(&counts[byte]);
        byte--;
      }
      ties = atomicLoad(&counts[byte]);
      prefix = (known << 8u) | byte;
    }
    workgroupBarrier();
  }
  let threshold = workgroupUniformLoad(&prefix);
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
  if (local == 0u) {
    let value = bitcast<f32>(select(~threshold, threshold & 0x7fffffffu, (threshold & 0x80000000u) != 0u));
    mean[0] = (joined[0] + f32(left) * value) / f32(sizes.count);
    kept[0] = value;
    kept[1] = f32(left) / f32(ties);
  }
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.length) { return; }
  let v = f32(x[k]);
  let each = dy[0] / f32(sizes.count);
  dx[k] = Y(select(select(0.0, each * given[1], v == given[0]), each, v > given[0]));
}
