// Position of the greatest along the middle of [outer, classes, inner]; the first of equals, NaN the greatest.
// One invocation owns one position.
struct Sizes {
  outer: u32,
  classes: u32,
  inner: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let outer = k / sizes.inner;
  if (outer >= sizes.outer) { return; }
  let start = outer * sizes.classes * sizes.inner + (k - outer * sizes.inner);
  var best = 0u;
  var most = f32(x[start]);
  for (var c = 1u; c < sizes.classes; c++) {
    let v = f32(x[start + c * sizes.inner]);
    if (!isNotNumber(most) && (v > most || isNotNumber(v))) {
      most = v;
      best = c;
    }
  }
  y[k] = i32(best);
}
