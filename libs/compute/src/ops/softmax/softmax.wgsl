// Softmax or its logarithm over the middle of [outer, classes, inner]. `columns`: an invocation owns one position and walks
// its classes three times, neighbors side by side in memory; `rows`: a workgroup owns one long contiguous row.
struct Sizes {
  outer: u32,
  classes: u32,
  inner: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> y: array<Y>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

// NaN and infinity among the classes make all of them NaN; some drivers' exp would answer a number.
fn spoils(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u || bitcast<u32>(v) == 0x7f800000u; }

fn notNumber() -> f32 { return bitcast<f32>(sizes.classes | 0x7fc00000u); }

fn finish(shifted: f32, sum: f32) -> f32 { return select(select(exp(shifted) / sum, shifted - log(sum), LOGARITHM), notNumber(), spoils(sum)); }

@compute @workgroup_size(64)
fn columns(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let outer = k / sizes.inner;
  if (outer >= sizes.outer) { return; }
  let first = outer * sizes.classes * sizes.inner + (k - outer * sizes.inner);
  let end = first + sizes.classes * sizes.inner;
  var most = f32(x[first]);
  for (var at = first; at < end; at += sizes.inner) { most = max(most, f32(x[at])); }
  var sum = 0.0;
  for (var at = first; at < end; at += sizes.inner) {
    let v = f32(x[at]);
    sum += select(exp(v - most), notNumber(), spoils(v));
  }
  for (var at = first; at < end; at += sizes.inner) { y[at] = Y(finish(f32(x[at]) - most, sum)); }
}

@compute @workgroup_size(64)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let row = min(group.y * groups.x + group.x, sizes.outer - 1u);
  let first = row * sizes.classes;
  let end = first + sizes.classes;
  var most = f32(x[first]);
  for (var k = first + at.index; k < end; k += 64u) { most = max(most, f32(x[k])); }
  most = workgroupMax(at, most);
  var sum = 0.0;
  for (var k = first + at.index; k < end; k += 64u) {
    let v = f32(x[k]);
    sum += select(exp(v - most), notNumber(), spoils(v));
  }
  sum = workgroupSum(at, sum);
  for (var k = first + at.index; k < end; k += 64u) { y[k] = Y(finish(f32(x[k]) - most, sum)); }
}
