// Pointwise operations of up to three operands; the row's formula(a, b, c, p, q) comes with the prelude.
// One invocation owns one element. FLAT: all operands lie as the result does; else each has a stride per axis, 0 where it
// stretches. Arithmetic is f32 whatever the storage.
struct Sizes {
  count: u32,
  axes: u32,
  p: f32,
  q: f32,
  table: array<vec4<u32>, 8>, // per axis (size, stride of a, of b, of c), slowest first
}

@group(0) @binding(0) var<storage, read> a_: array<A>;
@group(0) @binding(1) var<storage, read> b_: array<B>;
@group(0) @binding(2) var<storage, read> c_: array<C>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

fn isNotNumber(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

// Some drivers answer a number to NaN in min, max, exp, log and the like, and compilers refuse a constant one.
fn notNumber() -> f32 { return bitcast<f32>(sizes.count | 0x7fc00000u); }

// NaN if either is.
fn either(a: f32, b: f32, picked: f32) -> f32 { return select(picked, notNumber(), isNotNumber(a) || isNotNumber(b)); }

fn logarithm(a: f32) -> f32 {
  if (isNotNumber(a) || a < 0.0) { return notNumber(); }
  return select(log(a), a, bitcast<u32>(a) == 0x7f800000u);
}

// Abramowitz & Stegun 7.1.26; error below 1.5e-7.
fn erf(x: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * exp(-x * x);
  return sign(x) * (1.0 - tail);
}

// a to the power of b for every sign of a; WGSL's pow knows only positive bases.
fn power(a: f32, b: f32) -> f32 {
  if (b == 0.0) { return 1.0; }
  let whole = floor(b) == b;
  if (isNotNumber(a) || isNotNumber(b) || (a < 0.0 && !whole)) { return notNumber(); }
  let size = exp2(b * log2(abs(a)));
  let even = floor(b * 0.5) * 2.0 == b;
  return select(size, -size, a < 0.0 && !even);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count) { return; }
  var at = vec3<u32>(k);
  if (!FLAT) {
    at = vec3<u32>(0u);
    var rest = k;
    for (var axis = sizes.axes; axis > 0u; axis--) {
      let row = sizes.table[axis - 1u];
      let next = rest / row.x;
      at += (rest - next * row.x) * row.yzw;
      rest = next;
    }
  }
  y[k] = Y(formula(f32(a_[at.x]), f32(b_[at.y]), f32(c_[at.z]), sizes.p, sizes.q));
}
