// Dice plus binary cross-entropy over regions, and its gradient. `sums_`: a workgroup adds up overlap, predicted and true
// mass, entropy and mask of one block of one region; `finish`: one workgroup joins the blocks in a fixed order and makes
// the loss; `gradient`: an invocation owns one element.
struct Sizes {
  samples: u32,
  regions: u32,
  channels: u32, // of the target: one more than regions if the last is a mask
  voxels: u32,
  blocks: u32,
  first: u32,
  batchDice: u32,
  smoothing: f32,
  diceWeight: f32,
  crossEntropyWeight: f32,
  unused0: u32,
  unused1: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<X>;
@group(0) @binding(1) var<storage, read> labels: array<T>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>; // [row][block][5]
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;  // [row][5]
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read> given: array<f32>;       // the sums, for the gradient
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<Y>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

const BLOCK = 4096u;
var<workgroup> joined: array<vec4<f32>, 64>;
var<workgroup> joinedMask: array<f32, 64>;

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }
fn sigmoid(z: f32) -> f32 { return select(1.0 / (1.0 + exp(-z)), z, isNotNumber(z)); }

fn total(local: u32, value: vec4<f32>, mask: f32) {
  joined[local] = value;
  joinedMask[local] = mask;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (local < half) {
      joined[local] += joined[local + half];
      joinedMask[local] += joinedMask[local + half];
    }
    workgroupBarrier();
  }
}

@compute @workgroup_size(64)
fn sums_(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let item = min(group.y * groups.x + group.x, sizes.samples * sizes.regions * sizes.blocks - 1u);
  let row = item / sizes.blocks;
  let sample = row / sizes.regions;
  let begin = (item - row * sizes.blocks) * BLOCK;
  let end = min(sizes.voxels, begin + BLOCK);
  let plane = sample * sizes.channels;
  var sum = vec4<f32>(0.0);
  var masked = 0.0;
  for (var v = begin + local; v < end; v += 64u) {
    let z = f32(logits[row * sizes.voxels + v]);
    let truth = f32(labels[(plane + row - sample * sizes.regions) * sizes.voxels + v]);
    var mask = 1.0;
    if (sizes.channels > sizes.regions) { mask = f32(labels[(plane + sizes.regions) * sizes.voxels + v]); }
    let p = sigmoid(z);
    let entropy = max(z, 0.0) - z * truth + log(1.0 + exp(-abs(z)));
    sum += mask * vec4<f32>(p * truth, p, truth, select(entropy, z, isNotNumber(z)));
    masked += mask;
  }
  total(local, sum, masked);
  if (local < 4u) { parts[item * 5u + local] = joined[0][local]; }
  if (local == 4u) { parts[item * 5u + 4u] = joinedMask[0]; }
}

@compute @workgroup_size(64)
fn finish(@builtin(local_invocation_index) local: u32) {
  let rows = sizes.samples * sizes.regions;
  // Without blocks the sums are there.
  for (var k = local; k < select(rows * 5u, 0u, sizes.blocks == 0u); k += 64u) {
    let row = k / 5u;
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) { sum += parts[(row * sizes.blocks + block) * 5u + k - row * 5u]; }
    sums[k] = sum;
  }
  storageBarrier();
  workgroupBarrier();
  let groups = select(sizes.samples, 1u, sizes.batchDice == 1u);
  let regions = sizes.regions - sizes.first;
  var dice = 0.0;
  for (var k = local; k < groups * regions; k += 64u) {
    let sample = k / regions;
    let region = sizes.first + k - sample * regions;
    var all = vec2<f32>(0.0);
    for (var n = select(sample, 0u, sizes.batchDice == 1u); n < select(sample + 1u, sizes.samples, sizes.batchDice == 1u); n++) {
      let at = (n * sizes.regions + region) * 5u;
      all += vec2<f32>(sums[at], sums[at + 1u] + sums[at + 2u]);
    }
    let ratio = (2.0 * all.x + sizes.smoothing) / max(all.y + sizes.smoothing, 1e-8);
    dice += select(ratio, all.y, isNotNumber(all.y));
  }
  var entropy = 0.0;
  var counted = 0.0;
  for (var row = local; row < rows; row += 64u) {
    entropy += sums[row * 5u + 3u];
    if (row % sizes.regions == 0u) { counted += sums[row * 5u + 4u]; }
  }
  total(local, vec4<f32>(dice, entropy, counted, 0.0), 0.0);
  if (local == 0u) {
    let divisor = select(joined[0].z * f32(sizes.regions), max(joined[0].z, 1e-8), sizes.channels > sizes.regions);
    loss[0] = sizes.crossEntropyWeight * joined[0].y / divisor - sizes.diceWeight * joined[0].x / f32(groups * regions);
  }
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let row = k / sizes.voxels;
  if (row >= sizes.samples * sizes.regions) { return; }
  let sample = row / sizes.regions;
  let region = row - sample * sizes.regions;
  let v = k - row * sizes.voxels;
  var all = vec2<f32>(0.0);
  var counted = 0.0;
  for (var n = 0u; n < sizes.samples; n++) {
    counted += given[n * sizes.regions * 5u + 4u];
    if (sizes.batchDice == 1u || n == sample) {
      let at = (n * sizes.regions + region) * 5u;
      all += vec2<f32>(given[at], given[at + 1u] + given[at + 2u]);
    }
  }
  let divisor = select(counted * f32(sizes.regions), max(counted, 1e-8), sizes.channels > sizes.regions);
  let truth = f32(labels[(sample * sizes.channels + region) * sizes.voxels + v]);
  var mask = 1.0;
  if (sizes.channels > sizes.regions) { mask = f32(labels[(sample * sizes.channels + sizes.regions) * sizes.voxels + v]); }
  let bound = max(all.y + sizes.smoothing, 1e-8);
  let through = select(0.0, (2.0 * all.x + sizes.smoothing) / (bound * bound), all.y + sizes.smoothing > 1e-8);
  let groupCount = select(f32(sizes.samples), 1.0, sizes.batchDice == 1u);
  let scale = -sizes.diceWeight * dy[0] / (groupCount * f32(sizes.regions - sizes.first));
  let slope = select(scale * (2.0 * truth / bound - through), 0.0, region < sizes.first);
  let p = sigmoid(f32(logits[k]));
  let value = mask * (slope * p * (1.0 - p) + sizes.crossEntropyWeight * dy[0] / divisor * (p - truth));
  dx[k] = Y(select(value, all.y, isNotNumber(all.y)));
}
