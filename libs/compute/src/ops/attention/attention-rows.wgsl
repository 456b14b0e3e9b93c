// What the gradient of attention needs of each row: the logarithm of the sum of exponentials, and Σ y · dy. An invocation a row.
struct Sizes {
  rows: u32,
  length: u32,
  unused0: u32,
  unused1: u32,
}

@group(0) @binding(0) var<storage, read> y: array<Y>;
@group(0) @binding(1) var<storage, read> dy: array<DY>;
@group(0) @binding(2) var<storage, read> sums: array<SUMS>;
@group(0) @binding(3) var<storage, read_write> rows: array<vec2<f32>>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let row = (group.y * groups.x + group.x) * 64u + local;
  if (row >= sizes.rows) { return; }
  var sum = 0.0;
  for (var c = 0u; c < sizes.length; c++) { sum += f32(y[row * sizes.length + c]) * f32(dy[row * sizes.length + c]); }
  rows[row] = vec2<f32>(f32(sums[row]), sum);
}
