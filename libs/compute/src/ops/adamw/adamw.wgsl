// One step of AdamW, in place; see adamw.ts. One invocation owns one weight.
struct Sizes {
  count: u32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  weightDecay: f32,
  // Natural logarithms of the betas, taken in double precision: 1 - beta^t cancels.
  logBeta1: f32,
  logBeta2: f32,
  coupled: u32,
}

@group(0) @binding(0) var<storage, read_write> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> first: array<f32>;
@group(0) @binding(2) var<storage, read_write> second: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> rate: array<f32>;
@group(0) @binding(5) var<storage, read> step_: array<f32>;
@group(0) @binding(6) var<storage, read> scale: array<f32>;
// Of one number, and left alone, unless HAS_GREATEST.
@group(0) @binding(7) var<storage, read_write> greatest: array<f32>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

// 1 - e^x for x below 0, without cancellation near 0.
fn complement(x: f32) -> f32 {
  if (x > -0.1) { return -x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0))))); }
  return 1.0 - exp(x);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count || (HAS_SCALE && scale[0] == 0.0)) { return; }
  let w = weight[k];
  let g = gradient[k] * select(1.0, scale[0], HAS_SCALE) + select(0.0, sizes.weightDecay * w, sizes.coupled == 1u);
  let m = sizes.beta1 * first[k] + (1.0 - sizes.beta1) * g;
  let v = sizes.beta2 * second[k] + (1.0 - sizes.beta2) * g * g;
  first[k] = m;
  second[k] = v;
  var most = v;
  if (HAS_GREATEST) {
    most = max(v, greatest[k]);
    greatest[k] = most;
  }
  let way = m / complement(sizes.logBeta1 * step_[0]) / (sqrt(most / complement(sizes.logBeta2 * step_[0])) + sizes.epsilon);
  weight[k] = w - rate[0] * (select(sizes.weightDecay * w, 0.0, sizes.coupled == 1u) + way);
}
