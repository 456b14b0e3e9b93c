// Weights rearranged for conv-product: [tap in table order][source channel][target channel padded to vec4].
// One invocation writes one vec4; the weights are small beside what they are multiplied with.
struct Sizes {
  sources: u32,
  targets: u32,
  sourceStride: u32,
  targetStride: u32,
  taps: u32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
  // Which tap of the kernel stands at each place of the table.
  order: array<vec4<u32>, TABLE>,
}

@group(0) @binding(0) var<storage, read> weight: array<W>;
@group(0) @binding(1) var<storage, read_write> packed: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let targets4 = (sizes.targets + 3u) / 4u;
  let row = k / targets4;
  let place = row / sizes.sources;
  if (place >= sizes.taps) { return; }
  let tap = sizes.order[place / 4u][place % 4u];
  let first = (k - row * targets4) * 4u;
  let start = (row - place * sizes.sources) * sizes.sourceStride + tap;
  var w = vec4<f32>(0.0);
  for (var e = 0u; e < 4u; e++) {
    if (first + e < sizes.targets) { w[e] = f32(weight[start + (first + e) * sizes.targetStride]); }
  }
  packed[k] = w;
}
