// Instance normalization with affine and leaky ReLU. `chunks_`: a workgroup takes mean and squared deviations of one chunk
// of one channel, in two walks over the chunk, which is in cache the second time; `moments_`: an invocation joins the
// chunks of a channel (Chan, Golub & LeVeque 1979), so that no sum of squares cancels; `apply`: an element each.
struct Sizes {
  rows: u32, // samples x channels
  channels: u32,
  voxels: u32,
  chunks: u32,
  epsilon: f32,
  slope: f32,
  unused0: u32,
  unused1: u32,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> given: array<f32>;      // chunks for moments_, moments for apply
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> shift: array<f32>;
@group(0) @binding(4) var<storage, read_write> made: array<Y>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

const CHUNK = 4096u;

@compute @workgroup_size(64)
fn chunks_(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let item = min(group.y * groups.x + group.x, sizes.rows * sizes.chunks - 1u);
  let row = item / sizes.chunks;
  let begin = (item - row * sizes.chunks) * CHUNK;
  let end = min(sizes.voxels, begin + CHUNK);
  let start = row * sizes.voxels;
  var sum = 0.0;
  for (var v = begin + at.index; v < end; v += 64u) { sum += f32(x[start + v]); }
  let mean = workgroupSum(at, sum) / f32(end - begin);
  var squares = 0.0;
  for (var v = begin + at.index; v < end; v += 64u) {
    let off = f32(x[start + v]) - mean;
    squares += off * off;
  }
  let deviation = workgroupSum(at, squares);
  if (at.index == 0u) {
    made[item * 2u] = Y(mean);
    made[item * 2u + 1u] = Y(deviation);
  }
}

@compute @workgroup_size(64)
fn moments_(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let row = (group.y * groups.x + group.x) * 64u + local;
  if (row >= sizes.rows) { return; }
  var count = 0.0;
  var mean = 0.0;
  var deviation = 0.0;
  for (var chunk = 0u; chunk < sizes.chunks; chunk++) {
    let more = f32(min(CHUNK, sizes.voxels - chunk * CHUNK));
    let at = (row * sizes.chunks + chunk) * 2u;
    let off = given[at] - mean;
    let both = count + more;
    deviation += given[at + 1u] + off * off * (count * more / both);
    mean += off * (more / both);
    count = both;
  }
  made[row * 2u] = Y(mean);
  made[row * 2u + 1u] = Y(1.0 / sqrt(deviation / count + sizes.epsilon));
}

@compute @workgroup_size(64)
fn apply(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let row = k / sizes.voxels;
  if (row >= sizes.rows) { return; }
  let channel = row % sizes.channels;
  var v = (f32(x[k]) - given[row * 2u]) * given[row * 2u + 1u];
  if (HAS_SCALE) { v *= scale[channel]; }
  if (HAS_SHIFT) { v += shift[channel]; }
  made[k] = Y(select(v, sizes.slope * v, v < 0.0));
}
