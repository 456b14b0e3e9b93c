// Squared distance along one axis, given those along the axes before: y[q] = least over p of x[p] + (spacing · (q - p))².
// An invocation owns one voxel and looks outwards on both sides until no farther voxel could be nearer: exact, without the
// borders between parabolas that single precision would misplace. Nothing is staged: neighbors read neighboring words.
// FIRST: x is the mask, 0 where it is 0, else infinite. LAST: y is the root.
struct Sizes {
  elements: u32,
  n: u32,     // of the axis
  inner: u32, // elements between neighbors along it
  spacing: f32,
  infinity: f32, // no constant may hold it
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

const FAR = 3.4e38;

fn at(k: u32) -> f32 {
  if (FIRST) { return select(FAR, 0.0, x[k] == X(0)); }
  return f32(x[k]);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.elements) { return; }
  let q = (k / sizes.inner) % sizes.n;
  var best = at(k);
  for (var far = 1u; far < sizes.n; far++) {
    let length = sizes.spacing * f32(far);
    let square = length * length;
    if (square >= best || (far > q && q + far >= sizes.n)) { break; }
    if (far <= q) { best = min(best, at(k - far * sizes.inner) + square); }
    if (q + far < sizes.n) { best = min(best, at(k + far * sizes.inner) + square); }
  }
  if (LAST) { y[k] = select(sqrt(best), sizes.infinity, best >= FAR); }
  else { y[k] = min(best, FAR); }
}
