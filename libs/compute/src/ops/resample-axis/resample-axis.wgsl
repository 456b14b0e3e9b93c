// Sparse weighted sums along the middle of [outer, from, inner]: resizing, average pooling and their gradients, splines and blurs.
// One invocation owns one element of the result, neighbors side by side; table: rows (to + 1), columns, weights.
struct Sizes {
  outer: u32,
  from_: u32,
  to: u32,
  inner: u32,
  entries: u32,
  fromStart: u32, // where the two begin in their buffers, in elements
  toStart: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.outer * sizes.to * sizes.inner) { return; }
  let row = k / sizes.inner;
  let outer = row / sizes.to;
  let position = row - outer * sizes.to;
  let start = sizes.fromStart + outer * sizes.from_ * sizes.inner + (k - row * sizes.inner);
  var sum = 0.0;
  for (var entry = table[position]; entry < table[position + 1u]; entry++) {
    let column = table[sizes.to + 1u + entry];
    sum += bitcast<f32>(table[sizes.to + 1u + sizes.entries + entry]) * f32(x[start + column * sizes.inner]);
  }
  y[sizes.toStart + k] = Y(sum);
}
