// Takes layers out of sums and leaves zeros: an invocation owns one number; see take-slab.ts.
struct Sizes {
  count: u32,
  extent: u32,
  first: u32,
  taken: u32,
}

@group(0) @binding(0) var<storage, read_write> sum: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<Y>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count) { return; }
  let source = (k / sizes.taken) * sizes.extent + sizes.first + k % sizes.taken;
  y[k] = Y(sum[source]);
  sum[source] = 0.0;
}
