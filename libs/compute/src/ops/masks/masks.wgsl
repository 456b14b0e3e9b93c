// Masks by value: an invocation owns one voxel and walks the channels. Numbers are taken by their bits: a GPU may flush
// subnormal floats to zero, and compare NaN as it likes.
// nonzero: 1 where any is not 0; range: 1 where any lies in [low, high].
struct Settings {
  voxels: u32, // of one channel
  channels: u32,
  low: i32,    // as `keyOf`
  high: i32,
}

@group(0) @binding(0) var<storage, read> x: array<i32>; // i32, or the bits of f32
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> settings: Settings;

/** An integer in the order of the numbers; both zeros are 0, and NaN lies beyond the infinities. */
fn keyOf(bits: i32) -> i32 {
  if (!FLOAT) { return bits; }
  if ((bits & 0x7fffffff) == 0) { return 0; }
  return select(bits, bits ^ 0x7fffffff, bits < 0);
}

@compute @workgroup_size(64)
fn nonzero(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.voxels) { return; }
  var any = 0u;
  for (var c = 0u; c < settings.channels; c++) {
    if (keyOf(x[c * settings.voxels + k]) != 0) { any = 1u; }
  }
  y[k] = any;
}

@compute @workgroup_size(64)
fn range(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.voxels) { return; }
  var any = 0u;
  for (var c = 0u; c < settings.channels; c++) {
    let key = keyOf(x[c * settings.voxels + k]);
    if (key >= settings.low && key <= settings.high) { any = 1u; }
  }
  y[k] = any;
}
