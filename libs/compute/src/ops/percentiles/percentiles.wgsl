// Percentiles by radix selection over the numbers' order-preserving bits, eleven, eleven and ten bits at a time.
// A query is one rank of one channel; each percentile asks for two, the rank below it and the one above.
// `clear` empties the tables; three times: `count` (a workgroup owns one chunk of voxels for one query and counts into
// workgroup memory those whose upper bits are the query's so far) and `choose` (a workgroup per query finds the bin that
// holds its rank); `interpolate` (an invocation per percentile) mixes the two numbers. The first count is shared by all
// queries of a channel: nothing is known of them yet.
struct Settings {
  channels: u32,
  voxels: u32,
  queries: u32, // per channel
  chunks: u32,
  pass_: u32,   // 0, 1, 2
  masked: u32,
  unused0: u32,
  unused1: u32,
}

struct Query {
  prefix: u32,   // the upper bits found so far
  left: u32,     // its rank among those that share them
  fraction: u32, // of the percentile beyond its lower rank, in 2^-32
  all: u32,      // how many numbers there are
}

@group(0) @binding(0) var<storage, read> x: array<u32>; // the bits: as floats, a GPU may flush subnormal ones
@group(0) @binding(1) var<storage, read> mask: array<u32>; // any buffer where nothing is masked
@group(0) @binding(2) var<storage, read> shares: array<vec4<u32>>; // per percentile: whole, fraction in 2^-32, in 2^-64, -
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>; // [C] of pass 0, [C][queries] of 1, of 2; 2048 each
@group(0) @binding(4) var<storage, read_write> state: array<Query>; // [C][queries]
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // [C][percentiles]
@group(0) @binding(6) var<uniform> settings: Settings;

const BINS = 2048u;
const CHUNK = 65536u;

var<workgroup> own: array<atomic<u32>, 2048>;
var<workgroup> sums: array<u32, 256>;

fn orderOf(bits: u32) -> u32 {
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn valueOf(order: u32) -> f32 { return bitcast<f32>(select(~order, order & 0x7fffffffu, order >= 0x80000000u)); }

fn shiftOf(pass_: u32) -> u32 { return array(21u, 10u, 0u)[pass_]; }

/** Where the counts of a query in this pass begin. */
fn tableOf(query: u32) -> u32 {
  let channel = query / settings.queries;
  if (settings.pass_ == 0u) { return channel * BINS; }
  return (settings.channels + (settings.pass_ - 1u) * settings.channels * settings.queries + query) * BINS;
}

@compute @workgroup_size(256)
fn clear(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 256u + local;
  if (k < settings.channels * (1u + 2u * settings.queries) * BINS) { atomicStore(&counts[k], 0u); }
}

@compute @workgroup_size(256)
fn count(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let item = group.y * groups.x + group.x;
  // In the first pass there is one item per chunk and channel: that of the channel's first query.
  let query = select(item / settings.chunks, item / settings.chunks * settings.queries, settings.pass_ == 0u);
  let there = query < settings.channels * settings.queries;
  for (var bin = local; bin < BINS; bin += 256u) { atomicStore(&own[bin], 0u); }
  workgroupBarrier();
  if (there) {
    let first = item % settings.chunks * CHUNK;
    let start = query / settings.queries * settings.voxels;
    let shift = shiftOf(settings.pass_);
    var above = 0u;
    var prefix = 0u;
    if (settings.pass_ > 0u) {
      above = shiftOf(settings.pass_ - 1u);
      prefix = state[query].prefix >> above;
    }
    for (var v = first + local; v < min(first + CHUNK, settings.voxels); v += 256u) {
      if (settings.masked != 0u) {
        if (mask[v] == 0u) { continue; }
      }
      let order = orderOf(x[start + v]);
      if (settings.pass_ == 0u || order >> above == prefix) { atomicAdd(&own[(order >> shift) & (BINS - 1u)], 1u); }
    }
  }
  workgroupBarrier();
  if (there) {
    let table = tableOf(query);
    for (var bin = local; bin < BINS; bin += 256u) {
      let found = atomicLoad(&own[bin]);
      if (found > 0u) { atomicAdd(&counts[table + bin], found); }
    }
  }
}

/** The upper word of a product. */
fn high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let middle = ah * bl + ((al * bl) >> 16u);
  let other = al * bh + (middle & 0xffffu);
  return ah * bh + (middle >> 16u) + (other >> 16u);
}

/** share · (all - 1) as a whole rank and a fraction. Query 2k is the rank below percentile k, 2k + 1 the one above. */
fn begin(query: u32, all: u32) -> Query {
  if (all == 0u) { return Query(0u, 0u, 0u, 0u); }
  let share = shares[(query % settings.queries) / 2u];
  let last = all - 1u;
  let carried = high(share.z, last);
  let fraction = share.y * last + carried;
  let rank = share.x * last + high(share.y, last) + select(0u, 1u, fraction < carried);
  return Query(0u, min(last, rank + (query & 1u)), fraction, all);
}

@compute @workgroup_size(256)
fn choose(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let query = group.y * groups.x + group.x;
  let there = query < settings.channels * settings.queries;
  // An invocation owns eight bins.
  var mine = 0u;
  let first = tableOf(min(query, settings.channels * settings.queries - 1u)) + local * 8u;
  for (var bin = 0u; bin < 8u; bin++) { mine += atomicLoad(&counts[first + bin]); }
  sums[local] = mine;
  workgroupBarrier();
  for (var step = 1u; step < 256u; step *= 2u) {
    var added = 0u;
    if (local >= step) { added = sums[local - step]; }
    workgroupBarrier();
    sums[local] += added;
    workgroupBarrier();
  }
  var now = begin(query, sums[255]);
  if (there && settings.pass_ > 0u) { now = state[query]; }
  storageBarrier();
  workgroupBarrier();
  let before = sums[local] - mine;
  if (!there || now.left < before || now.left >= sums[local]) {
    // Nobody holds a rank where there are no numbers.
    if (there && local == 0u && now.all == 0u) { state[query] = now; }
    return;
  }
  now.left -= before;
  for (var bin = 0u; bin < 8u; bin++) {
    let found = atomicLoad(&counts[first + bin]);
    if (now.left < found) {
      now.prefix |= (local * 8u + bin) << shiftOf(settings.pass_);
      break;
    }
    now.left -= found;
  }
  state[query] = now;
}

@compute @workgroup_size(64)
fn interpolate(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.channels * settings.queries / 2u) { return; }
  let lower = state[2u * k];
  let a = valueOf(lower.prefix);
  let b = valueOf(state[2u * k + 1u].prefix);
  let t = f32(lower.fraction) * 2.3283064365386963e-10;
  if (lower.all == 0u) { y[k] = 0.0; }
  else if (t == 0.0) { y[k] = a; }
  else if (t == 1.0) { y[k] = b; }
  else { y[k] = a + (b - a) * t; }
}
