// Sums per channel of [samples, channels, voxels], in two steps of fixed order.
// `rows`: a workgroup adds up one chunk of one channel of one sample; `totals`: an invocation adds the chunks of a channel.
struct Sizes {
  samples: u32,
  channels: u32,
  voxels: u32,
  chunks: u32,
}

@group(0) @binding(0) var<storage, read> from_: array<FROM>;
@group(0) @binding(1) var<storage, read_write> to: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

const CHUNK = 4096u;
var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let item = group.y * groups.x + group.x;
  let row = item / sizes.chunks;
  let chunk = item - row * sizes.chunks;
  let there = row < sizes.samples * sizes.channels;
  var sum = 0.0;
  if (there) {
    let end = min(sizes.voxels, (chunk + 1u) * CHUNK);
    for (var v = chunk * CHUNK + local; v < end; v += 64u) { sum += f32(from_[row * sizes.voxels + v]); }
  }
  sums[local] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (local < half) { sums[local] += sums[local + half]; }
    workgroupBarrier();
  }
  if (local == 0u && there) { to[item] = sums[0]; }
}

@compute @workgroup_size(64)
fn totals(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= sizes.channels) { return; }
  var sum = 0.0;
  for (var sample = 0u; sample < sizes.samples; sample++) {
    for (var chunk = 0u; chunk < sizes.chunks; chunk++) {
      sum += f32(from_[(sample * sizes.channels + id.x) * sizes.chunks + chunk]);
    }
  }
  to[id.x] = sum;
}
