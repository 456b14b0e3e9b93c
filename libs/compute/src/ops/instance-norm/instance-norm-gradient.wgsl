// Gradient of instance normalization. With z = (x - mean) * inverse and g = dy through the activation, whose side is
// recomputed: dx = scale * inverse * (g - mean(g) - z * mean(g z)), dscale = sum g z, dshift = sum g.
// `sums`: a workgroup takes both sums of one chunk of one channel; `channels_`: an invocation joins chunks and samples of a
// channel; `apply`: an element each.
struct Sizes {
  rows: u32,
  channels: u32,
  voxels: u32,
  chunks: u32,
  slope: f32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> dy: array<DY>;
@group(0) @binding(2) var<storage, read> moments: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read> shift: array<f32>;
@group(0) @binding(5) var<storage, read> given: array<f32>;     // per row (sum g, sum g z)
@group(0) @binding(6) var<storage, read> dmoments: array<f32>;
@group(0) @binding(7) var<storage, read_write> made: array<Y>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

const CHUNK = 4096u;

// (g, z) of an element.
fn parts(k: u32, row: u32) -> vec2<f32> {
  let channel = row % sizes.channels;
  let z = (f32(x[k]) - moments[row * 2u]) * moments[row * 2u + 1u];
  var v = z;
  if (HAS_SCALE) { v *= scale[channel]; }
  if (HAS_SHIFT) { v += shift[channel]; }
  return vec2<f32>(f32(dy[k]) * select(1.0, sizes.slope, v < 0.0), z);
}

@compute @workgroup_size(64)
fn sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let item = min(group.y * groups.x + group.x, sizes.rows * sizes.chunks - 1u);
  let row = item / sizes.chunks;
  let begin = (item - row * sizes.chunks) * CHUNK;
  let end = min(sizes.voxels, begin + CHUNK);
  var sum = vec2<f32>(0.0);
  for (var v = begin + at.index; v < end; v += 64u) {
    let gz = parts(row * sizes.voxels + v, row);
    sum += vec2<f32>(gz.x, gz.x * gz.y);
  }
  let all = workgroupSum(at, sum);
  if (at.index == 0u) {
    made[item * 2u] = Y(all.x);
    made[item * 2u + 1u] = Y(all.y);
  }
}

@compute @workgroup_size(64)
fn apply(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let row = k / sizes.voxels;
  if (row >= sizes.rows) { return; }
  let gz = parts(k, row);
  let voxels = f32(sizes.voxels);
  let inverse = moments[row * 2u + 1u];
  let direct = given[row * 2u] / voxels;
  let byNormal = given[row * 2u + 1u] / voxels;
  var dx = inverse * (gz.x - direct - gz.y * byNormal);
  if (HAS_SCALE) { dx *= scale[row % sizes.channels]; }
  let through = select(0u, row * 2u, HAS_DMOMENTS);
  let extra = (dmoments[through] - dmoments[through + 1u] * inverse * inverse * gz.y) / voxels;
  made[k] = Y(dx + select(0.0, extra, HAS_DMOMENTS));
}
