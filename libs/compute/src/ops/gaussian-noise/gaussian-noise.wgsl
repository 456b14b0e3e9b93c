// Gaussian noise: an invocation owns one voxel of one channel and draws its number from Philox 4x32-10 by its place in the
// array, or in the array that x is a part of. Logarithm, sine and cosine are the polynomials of the other devices (Moshier's Cephes): WGSL's own are only
// promised to an absolute 2^-11 or 2^-21.
struct Settings {
  elements: u32,
  groups: u32, // of sixteen voxels per channel
  key0: u32,
  key1: u32,
  nz: u32,
  ny: u32,
  nx: u32,
  wholeY: u32, // of the whole array, where x is a part of it
  wholeX: u32,
  beginC: u32,
  beginZ: u32,
  beginY: u32,
  beginX: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> deviations: array<f32>; // per channel
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> settings: Settings;

/** The upper word of a product. */
fn high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let middle = ah * bl + ((al * bl) >> 16u);
  let other = al * bh + (middle & 0xffffu);
  return ah * bh + (middle >> 16u) + (other >> 16u);
}

fn philox(counter: u32, stream: u32) -> vec4<u32> {
  var c = vec4(counter, 0u, stream, 0u);
  var k0 = settings.key0;
  var k1 = settings.key1;
  for (var round = 0; round < 10; round++) {
    c = vec4(
      high(c.z, 0xcd9e8d57u) ^ c.y ^ k0,
      c.z * 0xcd9e8d57u,
      high(c.x, 0xd2511f53u) ^ c.w ^ k1,
      c.x * 0xd2511f53u,
    );
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return c;
}

/** Natural logarithm of a positive normal number. */
fn naturalLog(v: f32) -> f32 {
  let bits = bitcast<i32>(v);
  let exponent = (bits - 0x3f3504f3) >> 23u;
  let f = bitcast<f32>(bits - (exponent << 23u)) - 1.0;
  let z = f * f;
  var p = 7.0376836292e-2;
  p = p * f - 1.151461031e-1;
  p = p * f + 1.167699874e-1;
  p = p * f - 1.2420140846e-1;
  p = p * f + 1.4249322787e-1;
  p = p * f - 1.6668057665e-1;
  p = p * f + 2.0000714765e-1;
  p = p * f - 2.4999993993e-1;
  p = p * f + 3.3333331174e-1;
  let e = f32(exponent);
  return e * 0.693359375 + (f + (-0.5 * z + (e * -2.12194440e-4 + p * f * z)));
}

/** sin(2πu) if `quarter` is 0, cos(2πu) if it is 1; u in [0, 1). */
fn turned(u: f32, quarter: i32) -> f32 {
  let n = floor(u * 4.0 + 0.5);
  let r = (u * 4.0 - n) * 1.57079632679489662;
  let quadrant = i32(n) + quarter;
  let z = r * r;
  let sine = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
  let cosine = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z + (1.0 - 0.5 * z);
  let value = select(sine, cosine, (quadrant & 1) == 1);
  return select(value, -value, (quadrant & 2) == 2);
}

/** Number `place` (0 … 15) of a group: words (0, 1) or (2, 3) of one of its four blocks, by Box and Muller. */
fn normalAt(group: u32, place: u32, stream: u32) -> f32 {
  let words = philox(group * 4u + (place & 3u), stream);
  let pair = select(words.xy, words.zw, place >= 8u);
  let u = (f32(pair.x >> 8u) + 0.5) * 5.9604644775390625e-8;
  let turn = f32(pair.y >> 8u) * 5.9604644775390625e-8;
  return sqrt(-2.0 * naturalLog(u)) * turned(turn, select(1, 0, ((place >> 2u) & 1u) == 1u));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.elements) { return; }
  let line = k / settings.nx;
  let plane = line / settings.ny;
  let channel = settings.beginC + plane / settings.nz;
  let z = settings.beginZ + plane % settings.nz;
  let row = settings.beginY + line % settings.ny;
  let voxel = (z * settings.wholeY + row) * settings.wholeX + settings.beginX + k % settings.nx;
  let deviation = deviations[channel];
  var value = x[k];
  if (deviation != 0.0) {
    let sixteen = channel * settings.groups + (voxel >> 4u);
    value += deviation * normalAt(sixteen, voxel & 15u, 0u);
    if (RICIAN) {
      let other = deviation * normalAt(sixteen, voxel & 15u, 1u);
      value = sqrt(value * value + other * other);
    }
  }
  y[k] = value;
}
