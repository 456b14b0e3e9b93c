// Sums of Dice plus cross-entropy. `entropies`: an invocation walks a voxel's classes and keeps the logarithm of the sum of
// exponentials; a workgroup adds up one block of voxels. `classes_`: a workgroup adds up one class over one block, reading
// one plane of logits in line. `finish`: one workgroup joins the blocks in a fixed order and makes the loss; without
// blocks it makes it of the sums that are there.
struct Sizes {
  samples: u32,
  classes: u32,
  voxels: u32,
  blocks: u32,
  ignored: i32,
  first: u32,      // first class of Dice
  batchDice: u32,
  smoothing: f32,
  diceWeight: f32,
  crossEntropyWeight: f32,
  unused0: u32,
  unused1: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<X>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> normalizers: array<f32>; // per voxel
@group(0) @binding(4) var<storage, read_write> entropyParts: array<vec2<f32>>; // [sample][block]: entropy, weight
@group(0) @binding(5) var<storage, read_write> classParts: array<f32>; // [sample][class][block] of overlap, predicted, true
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;
@group(0) @binding(7) var<storage, read_write> loss: array<f32>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

const BLOCK = 2048u;

fn notNumber() -> f32 { return bitcast<f32>(sizes.classes | 0x7fc00000u); }
fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

@compute @workgroup_size(64)
fn entropies(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let item = min(group.y * groups.x + group.x, sizes.samples * sizes.blocks - 1u);
  let sample = item / sizes.blocks;
  let begin = (item - sample * sizes.blocks) * BLOCK;
  let end = min(sizes.voxels, begin + BLOCK);
  var sum = vec2<f32>(0.0);
  for (var v = begin + at.index; v < end; v += 64u) {
    let start = sample * sizes.classes * sizes.voxels + v;
    var most = f32(logits[start]);
    var spoiled = false;
    for (var c = 0u; c < sizes.classes; c++) {
      let z = f32(logits[start + c * sizes.voxels]);
      spoiled = spoiled || isNotNumber(z) || bitcast<u32>(z) == 0x7f800000u;
      most = max(most, z);
    }
    var all = 0.0;
    for (var c = 0u; c < sizes.classes; c++) { all += exp(f32(logits[start + c * sizes.voxels]) - most); }
    let normalizer = select(most + log(all), notNumber(), spoiled);
    normalizers[sample * sizes.voxels + v] = normalizer;
    let label = labels[sample * sizes.voxels + v];
    if (label == sizes.ignored) { continue; }
    if (label < 0 || label >= i32(sizes.classes)) {
      sum += vec2<f32>(notNumber(), 0.0);
      continue;
    }
    var own = 1.0;
    if (WEIGHTED) { own = weights[label]; }
    sum += vec2<f32>(own * (normalizer - f32(logits[start + u32(label) * sizes.voxels])), own);
  }
  let all = workgroupSum(at, vec3<f32>(sum, 0.0));
  if (at.index == 0u) { entropyParts[item] = all.xy; }
}

@compute @workgroup_size(64)
fn classes_(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let item = min(group.y * groups.x + group.x, sizes.samples * sizes.classes * sizes.blocks - 1u);
  let row = item / sizes.blocks;
  let sample = row / sizes.classes;
  let class_ = i32(row - sample * sizes.classes);
  let begin = (item - row * sizes.blocks) * BLOCK;
  let end = min(sizes.voxels, begin + BLOCK);
  var sum = vec3<f32>(0.0);
  for (var v = begin + at.index; v < end; v += 64u) {
    let label = labels[sample * sizes.voxels + v];
    if (label == sizes.ignored) { continue; }
    let normalizer = normalizers[sample * sizes.voxels + v];
    let p = select(exp(f32(logits[row * sizes.voxels + v]) - normalizer), normalizer, isNotNumber(normalizer));
    sum += select(vec3<f32>(0.0, p, 0.0), vec3<f32>(p, p, 1.0), label == class_);
  }
  let all = workgroupSum(at, sum);
  if (at.index < 3u) { classParts[item * 3u + at.index] = all[at.index]; }
}

fn columnTotal(k: u32, sample: u32) -> f32 {
  let columns = 3u * sizes.classes + 2u;
  if (sizes.batchDice == 0u) { return sums[sample * columns + k]; }
  var all = 0.0;
  for (var n = 0u; n < sizes.samples; n++) { all += sums[n * columns + k]; }
  return all;
}

@compute @workgroup_size(64)
fn finish(at: Invocation) {
  let columns = 3u * sizes.classes + 2u;
  for (var k = at.index; k < select(sizes.samples * columns, 0u, sizes.blocks == 0u); k += 64u) {
    let sample = k / columns;
    let column = k - sample * columns;
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
      if (column < 3u * sizes.classes) {
        let kind = column / sizes.classes;
        let row = sample * sizes.classes + column - kind * sizes.classes;
        sum += classParts[(row * sizes.blocks + block) * 3u + kind];
      } else {
        sum += entropyParts[sample * sizes.blocks + block][column - 3u * sizes.classes];
      }
    }
    sums[k] = sum;
  }
  storageBarrier();
  workgroupBarrier();
  let groups = select(sizes.samples, 1u, sizes.batchDice == 1u);
  let counted = sizes.classes - sizes.first;
  var dice = 0.0;
  for (var k = at.index; k < groups * counted; k += 64u) {
    let sample = k / counted;
    let class_ = sizes.first + k - sample * counted;
    let mass = columnTotal(sizes.classes + class_, sample) + columnTotal(2u * sizes.classes + class_, sample);
    let ratio = (2.0 * columnTotal(class_, sample) + sizes.smoothing) / max(mass + sizes.smoothing, 1e-8);
    dice += select(ratio, mass, isNotNumber(mass));
  }
  var entropy = vec2<f32>(0.0);
  for (var n = at.index; n < sizes.samples; n += 64u) { entropy += vec2<f32>(sums[n * columns + columns - 2u], sums[n * columns + columns - 1u]); }
  let all = workgroupSum(at, vec3<f32>(dice, entropy));
  if (at.index == 0u) {
    var value = 0.0;
    if (sizes.crossEntropyWeight != 0.0 && !(all.y == 0.0 && all.z == 0.0)) { value += sizes.crossEntropyWeight * (all.y / all.z); }
    if (sizes.diceWeight != 0.0) { value -= sizes.diceWeight * (all.x / f32(groups * counted)); }
    loss[0] = value;
  }
}
