// Logits to labels: an invocation owns one voxel and walks its channels. REGIONS: every logit above 0 writes its label, the
// later over the earlier; else the greatest wins, the first of equals.
struct Settings {
  channels: u32,
  voxels: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>; // of the channels
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> settings: Settings;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.voxels) { return; }
  var label = 0;
  var best = 0.0;
  var none = !REGIONS; // nothing to compare with yet: a number beats it, NaN and -infinity do not
  for (var c = 0u; c < settings.channels; c++) {
    let value = logits[c * settings.voxels + k];
    if (select(value > best, value >= -3.4028234e38, none)) {
      label = labels[c];
      if (!REGIONS) {
        best = value;
        none = false;
      }
    }
  }
  y[k] = label;
}
