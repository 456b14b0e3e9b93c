// Label resizing: an invocation owns one output voxel. Where its eight neighbors disagree, the weights of equal labels are
// added and compared with one half. Ties decide there, so the weights are float64 as on the other devices: products and sums
// of numbers that are not negative, in integer arithmetic on their IEEE 754 bits (x: upper word, y: lower), rounded to even.
struct Sizes {
  channels: u32,
  nz: u32,
  ny: u32,
  nx: u32,
  mz: u32,
  my: u32,
  mx: u32,
  unused: u32,
}

struct Step {
  low: u32, // the lower of two input positions
  one: u32, // how far the upper is: 0 beyond an edge, and where it has no weight
  down: vec2<u32>, // weight of the lower
  up: vec2<u32>,   // and of the upper
}

@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read> steps: array<Step>; // mz along z, my along y, mx along x
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

/** The product of two words: x the upper, y the lower word. */
fn wide(a: u32, b: u32) -> vec2<u32> {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let middle = ah * bl + ((al * bl) >> 16u);
  let other = al * bh + (middle & 0xffffu);
  return vec2(ah * bh + (middle >> 16u) + (other >> 16u), a * b);
}

fn mantissa(a: vec2<u32>) -> vec2<u32> { return vec2((a.x & 0xfffffu) | 0x100000u, a.y); }

/** Joins a mantissa of 53 bits and its exponent, one up in the last place if `up`. */
fn rounded(m: vec2<u32>, exponent: u32, up: bool) -> vec2<u32> {
  let low = m.y + select(0u, 1u, up);
  let carry = select(0u, 1u, up && low == 0u);
  // The leading bit of the mantissa adds one to the exponent; so does a carry out of it.
  return vec2(m.x + carry + ((exponent - 1u) << 20u), low);
}

fn product(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if ((a.x | a.y) == 0u || (b.x | b.y) == 0u) { return vec2(0u); }
  let p = mantissa(a);
  let q = mantissa(b);
  let ll = wide(p.y, q.y);
  let lh = wide(p.y, q.x);
  let hl = wide(p.x, q.y);
  let hh = wide(p.x, q.x);
  let w0 = ll.y;
  var w1 = ll.x + lh.y;
  var carry = select(0u, 1u, w1 < lh.y);
  w1 += hl.y;
  carry += select(0u, 1u, w1 < hl.y);
  // These cannot carry out: the whole product has 106 bits.
  let upper = lh.x + hl.x + carry;
  let w2 = upper + hh.y;
  let w3 = hh.x + select(0u, 1u, w2 < hh.y);
  // Bit 105 or bit 104 leads.
  let shift = 20u + ((w3 >> 9u) & 1u);
  let m = vec2((w2 >> shift) | (w3 << (32u - shift)), (w1 >> shift) | (w2 << (32u - shift)));
  let half = (w1 >> (shift - 1u)) & 1u;
  let rest = (w1 & ((1u << (shift - 1u)) - 1u)) | w0;
  let exponent = (a.x >> 20u) + (b.x >> 20u) - 1023u + (shift - 20u);
  return rounded(m, exponent, half == 1u && (rest != 0u || (m.y & 1u) == 1u));
}

fn sum(one: vec2<u32>, other: vec2<u32>) -> vec2<u32> {
  let swap = one.x < other.x;
  let a = select(one, other, swap);
  let b = select(other, one, swap);
  let apart = (a.x >> 20u) - (b.x >> 20u);
  if ((b.x | b.y) == 0u || apart > 55u) { return a; }
  // Three more bits: two below the last place, and one for whether anything was lost.
  var p = eight(mantissa(a));
  var q = eight(mantissa(b));
  if (apart >= 32u) { q = vec2(0u, q.x | select(0u, 1u, q.y != 0u)); }
  let shift = apart & 31u;
  if (shift > 0u) {
    let lost = select(0u, 1u, (q.y & ((1u << shift) - 1u)) != 0u);
    q = vec2(q.x >> shift, (q.y >> shift) | (q.x << (32u - shift)) | lost);
  }
  let low = p.y + q.y;
  p = vec2(p.x + q.x + select(0u, 1u, low < p.y), low);
  var exponent = a.x >> 20u;
  if (p.x >= 0x1000000u) {
    p = vec2(p.x >> 1u, (p.y >> 1u) | (p.x << 31u) | (p.y & 1u));
    exponent++;
  }
  let m = vec2(p.x >> 3u, (p.y >> 3u) | (p.x << 29u));
  let rest = p.y & 7u;
  return rounded(m, exponent, rest > 4u || (rest == 4u && (m.y & 1u) == 1u));
}

fn eight(m: vec2<u32>) -> vec2<u32> { return vec2((m.x << 3u) | (m.y >> 29u), m.y << 3u); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let row = k / sizes.mx;
  let plane = row / sizes.my;
  let channel = plane / sizes.mz;
  if (channel >= sizes.channels) { return; }
  let z = steps[plane % sizes.mz];
  let j = steps[sizes.mz + row % sizes.my];
  let i = steps[sizes.mz + sizes.my + k % sizes.mx];
  let at = ((channel * sizes.nz + z.low) * sizes.ny + j.low) * sizes.nx + i.low;
  let back = z.one * sizes.ny * sizes.nx;
  let below = j.one * sizes.nx;
  var labels = array<i32, 8>(
    x[at], x[at + i.one], x[at + below], x[at + below + i.one],
    x[at + back], x[at + back + i.one], x[at + back + below], x[at + back + below + i.one],
  );
  var differ = false;
  for (var n = 1; n < 8; n++) { differ = differ || labels[n] != labels[0]; }
  if (!differ) {
    y[k] = labels[0];
    return;
  }
  let near = product(z.down, j.down);
  let lower = product(z.down, j.up);
  let far = product(z.up, j.down);
  let farLower = product(z.up, j.up);
  var weights = array<vec2<u32>, 8>(
    product(near, i.down), product(near, i.up), product(lower, i.down), product(lower, i.up),
    product(far, i.down), product(far, i.up), product(farLower, i.down), product(farLower, i.up),
  );
  var best = 0;
  var found = false;
  for (var n = 0; n < 8; n++) {
    let label = labels[n];
    if (found && label <= best) { continue; }
    var weight = vec2(0u);
    for (var other = 0; other < 8; other++) {
      if (labels[other] == label) { weight = sum(weight, weights[other]); }
    }
    if (weight.x >= 0x3fe00000u) {
      best = label;
      found = true;
    }
  }
  y[k] = best;
}
