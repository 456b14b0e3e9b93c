// Labels [samples, 1, voxels] -> one channel per class; one invocation owns one element of the result.
struct Sizes {
  count: u32,
  classes: u32,
  voxels: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> labels: array<i32>;
@group(0) @binding(1) var<storage, read_write> y: array<Y>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count) { return; }
  let row = k / sizes.voxels;
  let sample = row / sizes.classes;
  let label = labels[sample * sizes.voxels + (k - row * sizes.voxels)];
  y[k] = Y(select(0.0, 1.0, label == i32(row - sample * sizes.classes)));
}
