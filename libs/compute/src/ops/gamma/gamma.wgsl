// Gamma curves t^g = 2^(g · log2 t), a t of 0 giving 0. An invocation owns one voxel of one channel.
// `power` writes the curve, `retain` gives it the old mean and deviation in place.
struct Settings {
  elements: u32,
  voxels: u32,
  least: f32, // that is divided by
  sign: f32,  // -1: negated before and after
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> before: array<f32>; // statistics of x, [C][6]
@group(0) @binding(2) var<storage, read> after: array<f32>;  // and of the curve
@group(0) @binding(3) var<storage, read> exponents: array<vec2<f32>>; // per channel: whether, exponent
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> settings: Settings;

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

fn raised(t: f32, exponent: f32) -> f32 {
  if (isNotNumber(t)) { return t; }
  if (t < 1.1754944e-38) { return 0.0; }
  return exp2(exponent * log2(t));
}

@compute @workgroup_size(64)
fn power(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.elements) { return; }
  let channel = k / settings.voxels;
  let exponent = exponents[channel];
  if (exponent.x == 0.0) {
    y[k] = x[k];
    return;
  }
  let own = channel * 6u;
  let range = before[own + 2u] - before[own + 1u];
  let low = select(before[own + 1u], -before[own + 2u], settings.sign < 0.0);
  let t = (settings.sign * x[k] - low) / max(range, settings.least);
  y[k] = settings.sign * (raised(t, exponent.y) * range + low);
}

@compute @workgroup_size(64)
fn retain(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.elements) { return; }
  let channel = k / settings.voxels;
  if (exponents[channel].x == 0.0) { return; }
  let own = channel * 6u;
  y[k] = (y[k] - after[own + 3u]) * (before[own + 5u] / max(after[own + 5u], settings.least)) + before[own + 3u];
}
