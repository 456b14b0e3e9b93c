// Cross-entropy per voxel with label smoothing (`main`) and its gradient (`gradient`); an invocation owns one voxel and
// walks its classes.
struct Sizes {
  samples: u32,
  classes: u32,
  voxels: u32,
  ignored: i32,
  smoothing: f32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<X>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> dy: array<DY>;
@group(0) @binding(3) var<storage, read_write> made: array<Y>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

fn notNumber() -> f32 { return bitcast<f32>(sizes.classes | 0x7fc00000u); }
fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

// Logarithm of the sum of exponentials; NaN if a logit is NaN or infinite.
fn normalizer(start: u32) -> f32 {
  var most = f32(logits[start]);
  var spoiled = false;
  for (var c = 0u; c < sizes.classes; c++) {
    let z = f32(logits[start + c * sizes.voxels]);
    spoiled = spoiled || isNotNumber(z) || bitcast<u32>(z) == 0x7f800000u;
    most = max(most, z);
  }
  var all = 0.0;
  for (var c = 0u; c < sizes.classes; c++) { all += exp(f32(logits[start + c * sizes.voxels]) - most); }
  return select(most + log(all), notNumber(), spoiled);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let sample = k / sizes.voxels;
  if (sample >= sizes.samples) { return; }
  let start = sample * sizes.classes * sizes.voxels + (k - sample * sizes.voxels);
  let label = labels[k];
  if (label == sizes.ignored) {
    made[k] = Y(0.0);
    return;
  }
  if (label < 0 || label >= i32(sizes.classes)) {
    made[k] = Y(notNumber());
    return;
  }
  let most = normalizer(start);
  var value = (1.0 - sizes.smoothing) * (most - f32(logits[start + u32(label) * sizes.voxels]));
  if (sizes.smoothing != 0.0) {
    var all = 0.0;
    for (var c = 0u; c < sizes.classes; c++) { all += most - f32(logits[start + c * sizes.voxels]); }
    value += sizes.smoothing * all / f32(sizes.classes);
  }
  made[k] = Y(value);
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let sample = k / sizes.voxels;
  if (sample >= sizes.samples) { return; }
  let start = sample * sizes.classes * sizes.voxels + (k - sample * sizes.voxels);
  let label = labels[k];
  let most = normalizer(start);
  for (var c = 0u; c < sizes.classes; c++) {
    let p = select(exp(f32(logits[start + c * sizes.voxels]) - most), most, isNotNumber(most));
    let wanted = select(0.0, 1.0 - sizes.smoothing, i32(c) == label) + sizes.smoothing / f32(sizes.classes);
    made[start + c * sizes.voxels] = Y(select(f32(dy[k]) * (p - wanted), 0.0, label == sizes.ignored));
  }
}
