// The running decision over channels that come one by one: an invocation owns one voxel. The first channel starts it, so
// that neither `best` nor `y` needs clearing.
struct Settings {
  voxels: u32,
  label: i32, // of this channel
  first: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> one: array<f32>;
@group(0) @binding(1) var<storage, read_write> best: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> settings: Settings;

const LEAST = -3.4028234e38;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.voxels) { return; }
  let value = one[k];
  let first = settings.first != 0u;
  let before = select(best[k], select(LEAST, 0.0, REGIONS), first);
  let wins = value > before;
  if (first || wins) { y[k] = select(0, settings.label, wins); }
  if (first || (wins && !REGIONS)) { best[k] = select(before, value, wins && !REGIONS); }
}
