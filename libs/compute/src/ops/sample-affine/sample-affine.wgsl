// Samples a volume at affine positions, displaced or not: an invocation owns one output voxel and walks the channels.
// Positions are fixed-point sums of 64 bits, then a whole voxel and a fraction in 2^-32 of one: single precision would be off
// by 3e-5 of a voxel at index 500, and take ties of nearest neighbors and labels for anything. Rounded to 2^-28 of a voxel, they
// are ties where exact arithmetic has one. Displacements add in float32.
// Entry points: nearest (any type), linear and cubic (f32), labels (linear weights on i32).
struct Settings {
  channels: i32,
  nz: i32,
  ny: i32,
  nx: i32,
  mz: u32,
  my: u32,
  mx: u32,
  bits: u32, // of the fraction in the matrix, 33 … 46
  fill: u32, // the bits of the number
  gz: i32,   // voxels around the image, before and behind, which positions do not count
  gy: i32,
  gx: i32,
  matrix: array<vec4<u32>, 6>, // per row: (low, high) words of its four numbers
  slopes: array<vec4<f32>, 3>, // the same rows without their shift, for displacements
  bounds: array<vec4<i32>, 3>, // of labels: (whole, fraction) of low z, y, x and high z, y, x
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> field: array<f32>; // [3, z, y, x]; any buffer where not DISPLACED
@group(0) @binding(2) var<storage, read_write> y: array<X>;
@group(0) @binding(3) var<uniform> settings: Settings;

const HALF = 0x80000000u;
/** Ties go up; a little more than a half, so that rounding on the way to a tie does not decide: 1e-7 of a voxel. */
const LITTLE = 429u;
/** Rounding on the way to an outermost center does not put it outside: 1e-6 of a voxel. */
const EDGE = 4295u;

/** A coordinate along three axes: floor and fraction; `inside` is false where nothing is to be read. */
struct Position {
  whole: vec3<i32>,
  part: vec3<u32>,
  inside: bool,
}

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

/** a + b · n of two-word numbers, x the low word, modulo 2^64. */
fn addProduct(a: vec2<u32>, b: vec2<u32>, n: u32) -> vec2<u32> {
  let low = a.x + b.x * n;
  let carry = select(0u, 1u, low < a.x);
  return vec2(low, a.y + b.y * n + high(b.x, n) + carry);
}

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

/** Row `axis` of the matrix at an output voxel. */
fn coordinate(axis: u32, o: vec3<u32>) -> vec2<u32> {
  let first = settings.matrix[axis * 2u];
  let second = settings.matrix[axis * 2u + 1u];
  return addProduct(addProduct(addProduct(second.zw, first.xy, o.x), first.zw, o.y), second.xy, o.z);
}

fn positionOf(k: u32) -> Position {
  let row = k / settings.mx;
  let o = vec3(row / settings.my, row % settings.my, k % settings.mx);
  var p = Position(vec3(0), vec3(0u), true);
  for (var axis = 0u; axis < 3u; axis++) {
    let fixed = coordinate(axis, o);
    p.whole[axis] = bitcast<i32>(fixed.y) >> (settings.bits - 32u);
    p.part[axis] = ((fixed.y << (64u - settings.bits)) | (fixed.x >> (settings.bits - 32u))) & 0xfffffff0u;
  }
  return p;
}

fn displaced(p: Position, d: vec3<f32>) -> Position {
  var moved = p;
  for (var axis = 0u; axis < 3u; axis++) {
    let by = dot(settings.slopes[axis].xyz, d);
    if (isNotNumber(by)) { moved.inside = false; }
    let whole = floor(clamp(by, -1e9, 1e9));
    let part = u32(min((by - whole) * 4294967296.0, 4294967040.0));
    moved.part[axis] += part;
    moved.whole[axis] += i32(whole) + select(0, 1, moved.part[axis] < part);
  }
  return moved;
}

/** Voxels of the image along each axis, without its margin. */
fn inner() -> vec3<i32> {
  return vec3(settings.nz, settings.ny, settings.nx) - 2 * vec3(settings.gz, settings.gy, settings.gx);
}

/**
 * The position as `padding` wants it: 0 zeros, 1 border, 2 reflect, 3 halfVoxel, 4 mirror.
 * `loose`: positions between a face and the outermost centers stay there.
 */
fn settled(p: Position, padding: i32, loose: bool) -> Position {
  let n = inner();
  var q = p;
  if (padding == 0) { return q; }
  if (padding == 4) {
    for (var axis = 0; axis < 3; axis++) {
      let last = max(1, n[axis] - 1); // one voxel: a period of 2, and clamped below
      let turned = folded(q.whole[axis], q.part[axis], last);
      q.whole[axis] = turned.x;
      q.part[axis] = bitcast<u32>(turned.y);
    }
  }
  if (padding == 2 || padding == 3) {
    // Half a voxel further, the volume is [0, n).
    let part = q.part + HALF;
    let whole = q.whole + select(vec3(0), vec3(1), part < vec3(HALF));
    if (padding == 3) { q.inside = q.inside && all(whole >= vec3(0)) && all(whole < n); }
    else {
      for (var axis = 0; axis < 3; axis++) {
        let turned = folded(whole[axis], part[axis], n[axis]);
        let f = bitcast<u32>(turned.y);
        q.whole[axis] = turned.x - select(0, 1, f < HALF);
        q.part[axis] = f - HALF;
      }
    }
    if (loose) { return q; }
  }
  let before = q.whole < vec3(0);
  let beyond = q.whole >= n - 1;
  q.whole = select(select(q.whole, n - 1, beyond), vec3(0), before);
  q.part = select(q.part, vec3(0u), before | beyond);
  return q;
}

/** A coordinate (whole, fraction) folded about 0 and n. */
fn folded(whole: i32, part: u32, n: i32) -> vec2<i32> {
  var w = whole;
  var f = part;
  if (w < 0) {
    w = -w - select(0, 1, f > 0u);
    f = 0u - f;
  }
  w = w % (2 * n);
  if (w >= n) {
    w = 2 * n - w - select(0, 1, f > 0u);
    f = 0u - f;
  }
  return vec2(w, bitcast<i32>(f));
}

/** Whether less than a voxel beyond the outermost centers at most. */
fn isNear(p: Position) -> bool {
  return p.inside && all((p.whole >= vec3(0)) | ((p.whole == vec3(-1)) & (p.part > vec3(0u)))) && all(p.whole < inner());
}

fn sampled(k: u32) -> Position {
  let p = positionOf(k);
  if (DISPLACED) {
    let voxels = settings.mz * settings.my * settings.mx;
    return displaced(p, vec3(field[k], field[voxels + k], field[2u * voxels + k]));
  }
  return p;
}

fn fractionOf(p: Position) -> vec3<f32> { return vec3<f32>(p.part) * 2.3283064365386963e-10; }

fn contains(at: vec3<i32>) -> bool { return all(at >= vec3(0)) && all(at < vec3(settings.nz, settings.ny, settings.nx)); }

fn indexOf(channel: i32, at: vec3<i32>) -> u32 {
  return u32(((channel * settings.nz + at.x) * settings.ny + at.y) * settings.nx + at.z);
}

@compute @workgroup_size(64)
fn nearest(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let voxels = settings.mz * settings.my * settings.mx;
  if (k >= voxels) { return; }
  let p = settled(sampled(k), PADDING, false);
  let at = p.whole + select(vec3(0), vec3(1), p.part >= vec3(HALF - LITTLE));
  let there = isNear(p) && contains(at);
  for (var c = 0; c < settings.channels; c++) {
    var value = bitcast<X>(settings.fill);
    if (there) { value = x[indexOf(c, at)]; }
    y[u32(c) * voxels + k] = value;
  }
}

@compute @workgroup_size(64)
fn linear(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let voxels = settings.mz * settings.my * settings.mx;
  if (k >= voxels) { return; }
  let p = settled(sampled(k), PADDING, false);
  let near = isNear(p);
  let upper = fractionOf(p);
  let fill = f32(bitcast<X>(settings.fill));
  for (var c = 0; c < settings.channels; c++) {
    var sum = 0.0;
    for (var corner = 0; near && corner < 8; corner++) {
      let step = vec3(corner >> 2u, (corner >> 1u) & 1, corner & 1);
      let shares = select(1.0 - upper, upper, step == vec3(1));
      let weight = shares.x * shares.y * shares.z;
      // What has no weight is not read: it may be NaN, or outside.
      if (weight == 0.0) { continue; }
      let at = p.whole + step;
      var value = fill;
      if (contains(at)) { value = f32(x[indexOf(c, at)]); }
      sum += weight * value;
    }
    y[u32(c) * voxels + k] = X(select(fill, sum, near));
  }
}

/** Cubic B-spline weights of four neighbors; an axis of one voxel has only itself. */
fn cubicWeights(u: f32, n: i32) -> vec4<f32> {
  if (n == 1) { return vec4(0.0, 1.0, 0.0, 0.0); }
  let v = 1.0 - u;
  return vec4(v * v * v, 4.0 - 6.0 * u * u + 3.0 * u * u * u, 4.0 - 6.0 * v * v + 3.0 * v * v * v, u * u * u) / 6.0;
}

@compute @workgroup_size(64)
fn cubic(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let voxels = settings.mz * settings.my * settings.mx;
  if (k >= voxels) { return; }
  let p = settled(sampled(k), PADDING, true);
  let end = inner() - 1;
  let within = all((p.whole >= vec3(0)) | ((p.whole == vec3(-1)) & (p.part >= vec3(0u - EDGE))))
    && all((p.whole < end) | ((p.whole == end) & (p.part <= vec3(EDGE))));
  let near = isNear(p) && (within || PADDING != 0);
  let upper = fractionOf(p);
  let low = p.whole + vec3(settings.gz, settings.gy, settings.gx) - 1;
  let last = vec3(settings.nz, settings.ny, settings.nx) - 1;
  let z = cubicWeights(upper.x, last.x + 1);
  let j = cubicWeights(upper.y, last.y + 1);
  let i = cubicWeights(upper.z, last.z + 1);
  for (var c = 0; c < settings.channels; c++) {
    var sum = 0.0;
    for (var a = 0; near && a < 4; a++) {
      for (var b = 0; b < 4; b++) {
        var line = 0.0;
        for (var d = 0; d < 4; d++) {
          let at = clamp(low + vec3(a, b, d), vec3(0), last);
          line += i[d] * f32(x[indexOf(c, at)]);
        }
        sum += z[a] * j[b] * line;
      }
    }
    y[u32(c) * voxels + k] = X(select(f32(bitcast<X>(settings.fill)), sum, near));
  }
}

/** Whether a (whole, fraction) is not below b. */
fn notBelow(a: vec2<i32>, b: vec2<i32>) -> bool {
  return a.x > b.x || (a.x == b.x && bitcast<u32>(a.y) >= bitcast<u32>(b.y));
}

fn isWithinBounds(p: Position) -> bool {
  let part = bitcast<vec3<i32>>(p.part);
  return notBelow(vec2(p.whole.x, part.x), settings.bounds[0].xy)
    && notBelow(vec2(p.whole.y, part.y), settings.bounds[0].zw)
    && notBelow(vec2(p.whole.z, part.z), settings.bounds[1].xy)
    && notBelow(settings.bounds[1].zw, vec2(p.whole.x, part.x))
    && notBelow(settings.bounds[2].xy, vec2(p.whole.y, part.y))
    && notBelow(settings.bounds[2].zw, vec2(p.whole.z, part.z));
}

/** The nearest half-precision number, half to even, for numbers that are normal there. */
fn toHalf(v: f32) -> f32 {
  let bits = bitcast<u32>(v);
  return bitcast<f32>((bits + 0xfffu + ((bits >> 13u) & 1u)) & 0xffffe000u);
}

@compute @workgroup_size(64)
fn labels(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let voxels = settings.mz * settings.my * settings.mx;
  if (k >= voxels) { return; }
  let moved = settled(sampled(k), PADDING, false);
  let inside = moved.inside && (PADDING != 0 || isWithinBounds(moved));
  let p = settled(moved, 1, false);
  let upper = fractionOf(p);
  // The rest to one, exactly: 2^32 - part.
  let lower = select(vec3<f32>(0u - p.part) * 2.3283064365386963e-10, vec3(1.0), p.part == vec3(0u));
  let step = select(vec3(0), vec3(1), p.part > vec3(0u));
  var weights: array<f32, 8>;
  for (var corner = 0; corner < 8; corner++) {
    let shares = select(lower, upper, vec3(corner >> 2u, (corner >> 1u) & 1, corner & 1) == vec3(1));
    weights[corner] = 1000.0 * (shares.x * shares.y * shares.z);
  }
  for (var c = 0; c < settings.channels; c++) {
    var label = bitcast<i32>(settings.fill);
    if (inside) {
      var found: array<i32, 8>;
      for (var corner = 0; corner < 8; corner++) {
        found[corner] = i32(x[indexOf(c, p.whole + step * vec3(corner >> 2u, (corner >> 1u) & 1, corner & 1))]);
      }
      label = found[0];
      var most = -1.0;
      for (var corner = 0; corner < 8; corner++) {
        let own = found[corner];
        var sum = 0.0;
        for (var other = 0; other < 8; other++) {
          if (found[other] == own) { sum += weights[other]; }
        }
        let rounded = toHalf(sum);
        if (rounded > most || (rounded == most && own < label)) {
          most = rounded;
          label = own;
        }
      }
    }
    y[u32(c) * voxels + k] = X(label);
  }
}
