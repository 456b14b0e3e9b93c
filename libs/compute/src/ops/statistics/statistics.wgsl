// Statistics per channel, exact to a few ulp in single precision by two passes: sums give a mean, then squared differences
// from it give the deviation, and their plain sum (zero but for rounding) corrects both (Chan, Golub & LeVeque 1983).
// A workgroup owns one block of BLOCK voxels of one channel, each invocation every 256th; joined in a tree, so that the
// order of additions is fixed. `sums` and `squares` write a partial result per block; `total` (a workgroup per channel)
// joins the blocks of the first, `finish` those of the second.
struct Sizes {
  channels: u32,
  voxels: u32,
  blocks: u32,
  masked: u32,
}

struct Partial {
  count: u32,
  low: f32,
  high: f32,
  sum: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<u32>; // any buffer where nothing is masked
@group(0) @binding(2) var<storage, read_write> partials: array<Partial>; // per block; then per channel
@group(0) @binding(3) var<storage, read_write> differences: array<vec2<f32>>; // per block: sum, sum of squares
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // [C][6]
@group(0) @binding(5) var<uniform> sizes: Sizes;

const BLOCK = 16384u;

var<workgroup> joined: array<Partial, 256>;
var<workgroup> pairs: array<vec2<f32>, 256>;

/** The channel's first value: large offsets cost no digits. 0 where it is not finite: a mask may leave it out. */
fn shiftOf(channel: u32) -> f32 {
  let first = x[channel * sizes.voxels];
  return select(first, 0.0, (bitcast<u32>(first) & 0x7f800000u) == 0x7f800000u);
}

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

fn join(a: Partial, b: Partial) -> Partial {
  if (a.count == 0u) { return b; }
  if (b.count == 0u) { return a; }
  let odd = isNotNumber(a.low) || isNotNumber(b.low);
  let both = a.low + b.low;
  return Partial(a.count + b.count, select(min(a.low, b.low), both, odd), select(max(a.high, b.high), both, odd), a.sum + b.sum);
}

fn joinAll(own: Partial, local: u32) -> Partial {
  joined[local] = own;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half /= 2u) {
    if (local < half) { joined[local] = join(joined[local], joined[local + half]); }
    workgroupBarrier();
  }
  return joined[0];
}

fn addAll(own: vec2<f32>, local: u32) -> vec2<f32> {
  pairs[local] = own;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half /= 2u) {
    if (local < half) { pairs[local] += pairs[local + half]; }
    workgroupBarrier();
  }
  return pairs[0];
}

fn chosen(voxel: u32) -> bool {
  if (sizes.masked == 0u) { return true; }
  return mask[voxel] != 0u;
}

@compute @workgroup_size(256)
fn sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let block = group.y * groups.x + group.x;
  let channel = block / sizes.blocks;
  let first = (block % sizes.blocks) * BLOCK;
  var own = Partial(0u, 0.0, 0.0, 0.0);
  if (channel < sizes.channels) {
    let start = channel * sizes.voxels;
    let shift = shiftOf(channel);
    for (var v = first + local; v < min(first + BLOCK, sizes.voxels); v += 256u) {
      if (!chosen(v)) { continue; }
      let value = x[start + v];
      own = join(own, Partial(1u, value, value, value - shift));
    }
  }
  let all = joinAll(own, local);
  if (local == 0u && channel < sizes.channels) { partials[block] = all; }
}

@compute @workgroup_size(256)
fn total(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let channel = group.x;
  var own = Partial(0u, 0.0, 0.0, 0.0);
  for (var block = local; block < sizes.blocks; block += 256u) { own = join(own, partials[channel * sizes.blocks + block]); }
  let all = joinAll(own, local);
  if (local == 0u) {
    let shift = shiftOf(channel);
    partials[sizes.channels * sizes.blocks + channel] = Partial(all.count, all.low, all.high, all.sum / f32(max(1u, all.count)) + shift);
  }
}

@compute @workgroup_size(256)
fn squares(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let block = group.y * groups.x + group.x;
  let channel = block / sizes.blocks;
  let first = (block % sizes.blocks) * BLOCK;
  var own = vec2(0.0);
  if (channel < sizes.channels) {
    let mean = partials[sizes.channels * sizes.blocks + channel].sum;
    for (var v = first + local; v < min(first + BLOCK, sizes.voxels); v += 256u) {
      if (!chosen(v)) { continue; }
      let difference = x[channel * sizes.voxels + v] - mean;
      own += vec2(difference, difference * difference);
    }
  }
  let all = addAll(own, local);
  if (local == 0u && channel < sizes.channels) { differences[block] = all; }
}

@compute @workgroup_size(256)
fn finish(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let channel = group.x;
  var own = vec2(0.0);
  for (var block = local; block < sizes.blocks; block += 256u) { own += differences[channel * sizes.blocks + block]; }
  let all = addAll(own, local);
  if (local != 0u) { return; }
  let found = partials[sizes.channels * sizes.blocks + channel];
  let count = f32(found.count);
  let rest = all.x / max(1.0, count);
  let spread = all.y - all.x * rest;
  let to = channel * 6u;
  let some = found.count > 0u;
  y[to] = count;
  y[to + 1u] = select(0.0, found.low, some);
  y[to + 2u] = select(0.0, found.high, some);
  y[to + 3u] = select(0.0, found.sum + rest, some);
  y[to + 4u] = deviation(spread, count);
  y[to + 5u] = deviation(spread, count - 1.0);
}

fn deviation(spread: f32, divisor: f32) -> f32 {
  if (divisor < 1.0) { return 0.0; }
  if (isNotNumber(spread)) { return spread; }
  return sqrt(max(0.0, spread) / divisor);
}
