// Sum (KIND 0), greatest (1) or least (2) over some axes; NaN wins. `groups_`: a workgroup owns one chunk of one result,
// its invocations take every 64th element and join in a tree; `each`: an invocation owns one result, for short reductions
// and where the kept axis is the contiguous one. The order of additions is fixed.
struct Sizes {
  results: u32,
  length: u32,   // elements per result
  chunks: u32,
  chunkLength: u32,
  kept: u32,     // axes kept, then axes reduced, in the table
  reduced: u32,
  scale: f32,
  unused: u32,
  table: array<vec4<u32>, 8>, // (size, stride, -, -)
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> y: array<Y>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

var<workgroup> joined: array<f32, 64>;

fn offsetOf(index: u32, first: u32, axes: u32) -> u32 {
  var rest = index;
  var at = 0u;
  for (var axis = first + axes; axis > first; axis--) {
    let row = sizes.table[axis - 1u];
    let next = rest / row.x;
    at += (rest - next * row.x) * row.y;
    rest = next;
  }
  return at;
}

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

fn join(a: f32, b: f32) -> f32 {
  if (KIND == 0) { return a + b; }
  let picked = select(min(a, b), max(a, b), KIND == 1);
  return select(picked, a + b, isNotNumber(a) || isNotNumber(b));
}

@compute @workgroup_size(64)
fn groups_(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let item = group.y * groups.x + group.x;
  let result = item / sizes.chunks;
  let first = (item - result * sizes.chunks) * sizes.chunkLength;
  let end = min(sizes.length, first + sizes.chunkLength);
  let there = result < sizes.results;
  var total = 0.0;
  if (there) {
    let base = offsetOf(result, 0u, sizes.kept);
    // Invocations without an element of their own repeat the first: harmless but for sums.
    total = select(f32(x[base + offsetOf(first, sizes.kept, sizes.reduced)]), 0.0, KIND == 0);
    for (var k = first + local; k < end; k += 64u) { total = join(total, f32(x[base + offsetOf(k, sizes.kept, sizes.reduced)])); }
  }
  joined[local] = total;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (local < half) { joined[local] = join(joined[local], joined[local + half]); }
    workgroupBarrier();
  }
  if (local == 0u && there) { y[item] = Y(joined[0] * sizes.scale); }
}

@compute @workgroup_size(64)
fn each(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let result = (group.y * groups.x + group.x) * 64u + local;
  if (result >= sizes.results) { return; }
  let base = offsetOf(result, 0u, sizes.kept);
  var total = f32(x[base]);
  for (var k = 1u; k < sizes.length; k++) { total = join(total, f32(x[base + offsetOf(k, sizes.kept, sizes.reduced)])); }
  y[result] = Y(total * sizes.scale);
}
