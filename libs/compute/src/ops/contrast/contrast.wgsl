// Contrast about the channel's mean: an invocation owns one voxel of one channel.
struct Settings {
  elements: u32,
  voxels: u32,
  preserveRange: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>; // [C][6]: count, least, greatest, mean, -, -
@group(0) @binding(2) var<storage, read> factors: array<vec2<f32>>; // per channel: whether, by how much
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> settings: Settings;

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.elements) { return; }
  let channel = k / settings.voxels;
  let value = x[k];
  let factor = factors[channel];
  if (factor.x == 0.0) {
    y[k] = value;
    return;
  }
  let mean = statistics[channel * 6u + 3u];
  let changed = (value - mean) * factor.y + mean;
  if (settings.preserveRange == 0u || isNotNumber(changed)) { y[k] = changed; }
  else { y[k] = min(statistics[channel * 6u + 2u], max(statistics[channel * 6u + 1u], changed)); }
}
