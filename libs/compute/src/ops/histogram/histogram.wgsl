// Histograms per channel. A workgroup owns one chunk of voxels and one tile of bins of a channel: it counts into workgroup memory
// and adds what it found to the counts, which `clear` has emptied. Whole numbers that order as the floats do are compared with
// the edges of the bins: exact, also where a GPU flushes subnormal numbers; NaN orders outside of all finite numbers.
struct Settings {
  channels: u32,
  voxels: u32,
  bins: u32,
  chunks: u32,
  tiles: u32,
  masked: u32,
  unused0: u32,
  unused1: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>; // the bits
@group(0) @binding(1) var<storage, read> mask: array<u32>; // any buffer where nothing is masked
@group(0) @binding(2) var<storage, read> edges: array<u32>; // in order, one more than bins
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<i32>>; // [C][bins]
@group(0) @binding(4) var<uniform> settings: Settings;

const TILE = 1024u;
const CHUNK = 65536u;

var<workgroup> own: array<atomic<i32>, 1024>;
var<workgroup> starts: array<u32, 1024>;

fn orderOf(bits: u32) -> u32 {
  if (bits == 0x80000000u) { return bits; } // -0 is 0
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

@compute @workgroup_size(256)
fn clear(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 256u + local;
  if (k < settings.channels * settings.bins) { atomicStore(&counts[k], 0); }
}

@compute @workgroup_size(256)
fn count(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let item = group.y * groups.x + group.x;
  let chunk = item % settings.chunks;
  let tile = item / settings.chunks % settings.tiles;
  let channel = item / settings.chunks / settings.tiles;
  if (channel >= settings.channels) { return; }
  let firstBin = tile * TILE;
  let size = min(TILE, settings.bins - firstBin);
  for (var bin = local; bin < size; bin += 256u) {
    starts[bin] = edges[firstBin + bin];
    atomicStore(&own[bin], 0);
  }
  workgroupBarrier();
  let least = starts[0];
  // Only the last bin holds its upper edge.
  let most = edges[firstBin + size] - select(1u, 0u, firstBin + size == settings.bins);
  let first = chunk * CHUNK;
  let start = channel * settings.voxels;
  for (var v = first + local; v < min(first + CHUNK, settings.voxels); v += 256u) {
    if (settings.masked != 0u) {
      if (mask[v] == 0u) { continue; }
    }
    let order = orderOf(x[start + v]);
    if (order < least || order > most) { continue; }
    // The last bin that begins at or below the value.
    var bin = 0u;
    for (var left = size; left > 1u; left -= left / 2u) {
      let half = left / 2u;
      if (starts[bin + half] <= order) { bin += half; }
    }
    atomicAdd(&own[bin], 1);
  }
  workgroupBarrier();
  for (var bin = local; bin < size; bin += 256u) {
    let found = atomicLoad(&own[bin]);
    if (found > 0) { atomicAdd(&counts[channel * settings.bins + firstBin + bin], found); }
  }
}
