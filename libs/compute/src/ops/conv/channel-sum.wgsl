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

@compute @workgroup_size(64)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let item = group.y * groups.x + group.x;
  let row = item / sizes.chunks;
  let chunk = item - row * sizes.chunks;
  let there = row < sizes.samples * sizes.channels;
  var sum = 0.0;
  if (there) {
    let end = min(sizes.voxels, (chunk + 1u) * CHUNK);
    for (var v = chunk * CHUNK + at.index; v < end; v += 64u) { sum += f32(from_[row * sizes.voxels + v]); }
  }
  let all = workgroupSum(at, sum);
  if (at.index == 0u && there) { to[item] = all; }
}

@compute @workgroup_size(64)
fn totals(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let channel = (group.y * groups.x + group.x) * 64u + local;
  if (channel >= sizes.channels) { return; }
  var sum = 0.0;
  for (var sample = 0u; sample < sizes.samples; sample++) {
    for (var chunk = 0u; chunk < sizes.chunks; chunk++) {
      sum += f32(from_[(sample * sizes.channels + channel) * sizes.chunks + chunk]);
    }
  }
  to[channel] = sum;
}
