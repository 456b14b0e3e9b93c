// Labels of 0 where the mask is 0 get another number. An invocation owns one voxel of one channel.
struct Settings {
  elements: u32,
  voxels: u32, // of one channel
  outside: i32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> labels: array<i32>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> settings: Settings;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.elements) { return; }
  let label = labels[k];
  y[k] = select(label, settings.outside, label == 0 && mask[k % settings.voxels] == 0u);
}
