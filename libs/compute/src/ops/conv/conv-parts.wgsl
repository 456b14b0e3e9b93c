// Adds the parts of a sum that was cut for parallelism, always in the same order, and the bias.
// One invocation owns one element of [samples, channels, voxels].
struct Sizes {
  count: u32,
  parts: u32,
  channels: u32,
  voxels: u32,
  hasBias: u32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count) { return; }
  var sum = 0.0;
  for (var part = 0u; part < sizes.parts; part++) { sum += parts[part * sizes.count + k]; }
  if (sizes.hasBias == 1u) { sum += bias[(k / sizes.voxels) % sizes.channels]; }
  y[k] = Y(sum);
}
