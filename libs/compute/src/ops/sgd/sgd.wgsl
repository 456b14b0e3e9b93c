// One step of gradient descent with momentum, in place; see sgd.ts. One invocation owns one weight.
struct Sizes {
  count: u32,
  momentum: f32,
  weightDecay: f32,
  nesterov: u32,
}

@group(0) @binding(0) var<storage, read_write> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<G>;
@group(0) @binding(3) var<storage, read> rate: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count || (HAS_SCALE && scale[0] == 0.0)) { return; }
  let w = weight[k];
  let g = f32(gradient[k]) * select(1.0, scale[0], HAS_SCALE) + sizes.weightDecay * w;
  let v = sizes.momentum * velocity[k] + g;
  velocity[k] = v;
  weight[k] = w - rate[0] * select(v, g + sizes.momentum * v, sizes.nesterov == 1u);
}
