// One value everywhere; one invocation owns one element.
struct Sizes {
  count: u32,
  value: f32,
}

@group(0) @binding(0) var<storage, read_write> to: array<TO>;
@group(0) @binding(1) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k < sizes.count) { to[k] = TO(sizes.value); }
}
