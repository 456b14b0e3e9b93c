// Layer normalization of rows. `forward` and `backward`: a workgroup owns a row, in strides of 64 features; `blocks`: an invocation
// sums one feature over 256 rows; `finish`: an invocation adds a feature's blocks up in their order.
struct Sizes {
  rows: u32,
  features: u32,
  blocks: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> scale: array<f32>;
@group(0) @binding(2) var<storage, read> shift: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> moments: array<vec2<f32>>; // mean, 1 / deviation; of finish: sums of the blocks
@group(0) @binding(5) var<storage, read_write> made: array<f32>;
@group(0) @binding(6) var<storage, read_write> pairs: array<vec2<f32>>; // moments, or per block and feature the sums for scale and shift
@group(0) @binding(7) var<storage, read_write> made2: array<f32>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

const BLOCK = 256u;
var<workgroup> joined: array<vec2<f32>, 64>;

fn total(local: u32, value: vec2<f32>) -> vec2<f32> {
  joined[local] = value;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (local < half) { joined[local] += joined[local + half]; }
    workgroupBarrier();
  }
  let sum = joined[0];
  workgroupBarrier();
  return sum;
}

fn scaleOf(c: u32) -> f32 {
  if (HAS_SCALE) { return scale[c]; }
  return 1.0;
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let row = min(group.y * groups.x + group.x, sizes.rows - 1u);
  let start = row * sizes.features;
  var sum = 0.0;
  for (var c = local; c < sizes.features; c += 64u) { sum += x[start + c]; }
  let mean = total(local, vec2<f32>(sum, 0.0)).x / f32(sizes.features);
  var squares = 0.0;
  for (var c = local; c < sizes.features; c += 64u) {
    let off = x[start + c] - mean;
    squares += off * off;
  }
  let inverse = 1.0 / sqrt(total(local, vec2<f32>(squares, 0.0)).x / f32(sizes.features) + sizes.epsilon);
  for (var c = local; c < sizes.features; c += 64u) {
    var value = (x[start + c] - mean) * inverse * scaleOf(c);
    if (HAS_SHIFT) { value += shift[c]; }
    made[start + c] = value;
  }
  if (local == 0u) { pairs[row] = vec2<f32>(mean, inverse); }
}

@compute @workgroup_size(64)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let row = min(group.y * groups.x + group.x, sizes.rows - 1u);
  let start = row * sizes.features;
  let moment = moments[row];
  var sums = vec2<f32>(0.0);
  for (var c = local; c < sizes.features; c += 64u) {
    let g = dy[start + c] * scaleOf(c);
    sums += vec2<f32>(g, g * (x[start + c] - moment.x) * moment.y);
  }
  let means = total(local, sums) / f32(sizes.features);
  for (var c = local; c < sizes.features; c += 64u) {
    let h = (x[start + c] - moment.x) * moment.y;
    made[start + c] = moment.y * (dy[start + c] * scaleOf(c) - means.x - h * means.y);
  }
}

@compute @workgroup_size(64)
fn blocks(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let item = (group.y * groups.x + group.x) * 64u + local;
  if (item >= sizes.blocks * sizes.features) { return; }
  let c = item % sizes.features;
  let first = item / sizes.features * BLOCK;
  var sums = vec2<f32>(0.0);
  for (var row = first; row < min(sizes.rows, first + BLOCK); row++) {
    let d = dy[row * sizes.features + c];
    sums += vec2<f32>(d * (x[row * sizes.features + c] - moments[row].x) * moments[row].y, d);
  }
  pairs[item] = sums;
}

@compute @workgroup_size(64)
fn finish(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= sizes.features) { return; }
  var sums = vec2<f32>(0.0);
  for (var block = 0u; block < sizes.blocks; block++) { sums += moments[block * sizes.features + c]; }
  made[c] = sums.x;
  made2[c] = sums.y;
}
