// Gradient of Dice plus cross-entropy with respect to the logits. `slopes`: an invocation per class and sample derives how
// Dice falls with a probability, apart for voxels of the class; `main`: an invocation owns a voxel and walks its classes.
// dz_c = p_c (s_c - sum_k s_k p_k) + pull (p_c - [c is the label]).
struct Sizes {
  samples: u32,
  classes: u32,
  voxels: u32,
  first: u32,
  ignored: i32,
  batchDice: u32,
  smoothing: f32,
  diceWeight: f32,
  crossEntropyWeight: f32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<X>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> sums: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read> table: array<vec2<f32>>; // per sample and class (if the label, always); last (pull, -)
@group(0) @binding(6) var<storage, read_write> made: array<Y>;
@group(0) @binding(7) var<storage, read_write> madeTable: array<vec2<f32>>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

fn notNumber() -> f32 { return bitcast<f32>(sizes.classes | 0x7fc00000u); }
fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

fn columnTotal(k: u32, sample: u32) -> f32 {
  let columns = 3u * sizes.classes + 2u;
  if (sizes.batchDice == 0u) { return sums[sample * columns + k]; }
  var all = 0.0;
  for (var n = 0u; n < sizes.samples; n++) { all += sums[n * columns + k]; }
  return all;
}

@compute @workgroup_size(64)
fn slopes(@builtin(global_invocation_id) id: vec3<u32>) {
  let k = id.x;
  if (k == 0u) {
    var counted = 0.0;
    for (var n = 0u; n < sizes.samples; n++) { counted += sums[(n + 1u) * (3u * sizes.classes + 2u) - 1u]; }
    let pull = sizes.crossEntropyWeight * dy[0] / counted;
    madeTable[sizes.samples * sizes.classes] = vec2<f32>(select(pull, 0.0, counted == 0.0), 0.0);
  }
  if (k >= sizes.samples * sizes.classes) { return; }
  let sample = k / sizes.classes;
  let class_ = k - sample * sizes.classes;
  if (class_ < sizes.first) {
    madeTable[k] = vec2<f32>(0.0);
    return;
  }
  let groups = select(f32(sizes.samples), 1.0, sizes.batchDice == 1u);
  let scale = -sizes.diceWeight * dy[0] / (f32(sizes.classes - sizes.first) * groups);
  let mass = columnTotal(sizes.classes + class_, sample) + columnTotal(2u * sizes.classes + class_, sample) + sizes.smoothing;
  let bound = max(mass, 1e-8);
  let through = select(0.0, (2.0 * columnTotal(class_, sample) + sizes.smoothing) / (bound * bound), mass > 1e-8);
  madeTable[k] = select(vec2<f32>(scale * 2.0 / bound, -scale * through), vec2<f32>(mass), isNotNumber(mass));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let sample = k / sizes.voxels;
  if (sample >= sizes.samples) { return; }
  let start = sample * sizes.classes * sizes.voxels + (k - sample * sizes.voxels);
  let label = labels[k];
  if (label == sizes.ignored) {
    for (var c = 0u; c < sizes.classes; c++) { made[start + c * sizes.voxels] = Y(0.0); }
    return;
  }
  var most = f32(logits[start]);
  var spoiled = false;
  for (var c = 0u; c < sizes.classes; c++) {
    let z = f32(logits[start + c * sizes.voxels]);
    spoiled = spoiled || isNotNumber(z) || bitcast<u32>(z) == 0x7f800000u;
    most = max(most, z);
  }
  var all = 0.0;
  var mixed = 0.0;
  for (var c = 0u; c < sizes.classes; c++) {
    let e = exp(f32(logits[start + c * sizes.voxels]) - most);
    let slope = table[sample * sizes.classes + c];
    all += e;
    mixed += e * (slope.y + select(0.0, slope.x, i32(c) == label));
  }
  mixed /= all;
  let known = label >= 0 && label < i32(sizes.classes);
  var pull = table[sizes.samples * sizes.classes].x;
  if (WEIGHTED) { pull *= weights[select(0, label, known)]; }
  for (var c = 0u; c < sizes.classes; c++) {
    let p = exp(f32(logits[start + c * sizes.voxels]) - most) / all;
    let slope = table[sample * sizes.classes + c];
    let own = i32(c) == label;
    let dz = p * (slope.y + select(0.0, slope.x, own) - mixed) + pull * (p - select(0.0, 1.0, own));
    made[start + c * sizes.voxels] = Y(select(dz, notNumber(), spoiled));
  }
}
