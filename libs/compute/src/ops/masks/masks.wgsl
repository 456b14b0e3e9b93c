// Masks by value: an invocation owns one voxel and walks the channels.
// nonzero: 1 where any is not 0; range: 1 where any lies in [low, high].
struct Settings {
  voxels: u32, // of one channel
  channels: u32,
  low: X,
  high: X,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> settings: Settings;

@compute @workgroup_size(64)
fn nonzero(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.voxels) { return; }
  var any = 0u;
  for (var c = 0u; c < settings.channels; c++) {
    // By bits, both zeros apart: a NaN is not 0 either, whatever a compiler assumes about NaN.
    if ((bitcast<u32>(x[c * settings.voxels + k]) & BITS) != 0u) { any = 1u; }
  }
  y[k] = any;
}

@compute @workgroup_size(64)
fn range(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.voxels) { return; }
  var any = 0u;
  for (var c = 0u; c < settings.channels; c++) {
    let value = x[c * settings.voxels + k];
    if (value >= settings.low && value <= settings.high) { any = 1u; }
  }
  y[k] = any;
}
