// Clips [outer, rows, inner] in place: each row of [outer, rows] has a range of its own. One invocation owns one element;
// NaN in a range or an element gives NaN, as min and max of the other devices do; so does an infinity where the recursion of
// `cubic` splines would have carried it along.
struct Sizes {
  elements: u32,
  rows: u32,
  inner: u32,
  perOuter: u32,   // elements of one outer
  firstRange: u32, // which range is the first row's
  start: u32,      // where y begins in its buffer
  cubic: u32,
  notANumber: u32, // its bits: not a constant that a compiler could refuse
}

@group(0) @binding(0) var<storage, read> low: array<f32>;
@group(0) @binding(1) var<storage, read> high: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }
fn isInfinite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) == 0x7f800000u; }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.elements) { return; }
  let range = sizes.firstRange + (k / sizes.perOuter) * sizes.rows + (k / sizes.inner) % sizes.rows;
  let value = y[sizes.start + k];
  let least = low[range];
  let most = high[range];
  if (isNotNumber(least) || (sizes.cubic != 0u && (isInfinite(least) || isInfinite(most)))) { y[sizes.start + k] = bitcast<f32>(sizes.notANumber); }
  else if (!isNotNumber(value)) { y[sizes.start + k] = min(most, max(least, value)); }
}
