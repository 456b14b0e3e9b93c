// A linear change per channel: an invocation owns one voxel of one channel.
struct Settings {
  elements: u32,
  voxels: u32,
}

struct Row {
  low: f32,
  high: f32,
  subtract: f32,
  divide: f32,
  multiply: f32,
  add: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<u32>; // by `masked` only
@group(0) @binding(2) var<storage, read> rows: array<Row>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> settings: Settings;

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

fn changed(value: f32, row: Row) -> f32 {
  if (isNotNumber(value)) { return value; }
  return ((min(row.high, max(row.low, value)) - row.subtract) / row.divide) * row.multiply + row.add;
}

@compute @workgroup_size(64)
fn whole(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.elements) { return; }
  y[k] = changed(x[k], rows[k / settings.voxels]);
}

@compute @workgroup_size(64)
fn masked(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.elements) { return; }
  let value = x[k];
  if (mask[k % settings.voxels] == 0u) { y[k] = value; }
  else { y[k] = changed(value, rows[k / settings.voxels]); }
}
