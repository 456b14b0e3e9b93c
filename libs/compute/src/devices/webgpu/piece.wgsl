// Moves a box of a tensor between the tensor's segments, one per dispatch, and a tensor of the box's own.
// One invocation owns one element of the box and looks where it lies. `gather` reads the tensor, zeros where the box
// reaches beyond it; `scatter` writes it, or joins what is there: JOIN 0 puts, 1 adds, 2 takes the greater, 3 the lesser;
// NaN wins.
struct Sizes {
  count: u32,
  axes: u32,
  first: u32,   // elements of the segment, counted in the tensor
  end: u32,
  scale: f32,
  zeros: u32,   // 1: what lies outside is set to zero
  unused0: u32,
  unused1: u32,
  table: array<vec4<i32>, 8>, // per axis (length of the box, its begin, length of the tensor, stride of the tensor)
}

@group(0) @binding(0) var<storage, read> from_: array<FROM>;
@group(0) @binding(1) var<storage, read_write> to: array<TO>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

struct Place {
  inside: bool,
  at: u32,
}

fn placeOf(k: u32) -> Place {
  var rest = k;
  var at = 0u;
  var inside = true;
  for (var axis = sizes.axes; axis > 0u; axis--) {
    let row = sizes.table[axis - 1u];
    let next = rest / u32(row.x);
    let index = row.y + i32(rest - next * u32(row.x));
    inside = inside && index >= 0 && index < row.z;
    at += u32(index) * u32(row.w);
    rest = next;
  }
  return Place(inside, at);
}

@compute @workgroup_size(64)
fn gather(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count) { return; }
  let place = placeOf(k);
  if (!place.inside) {
    if (sizes.zeros == 1u) { to[k] = TO(0); }
  } else if (place.at >= sizes.first && place.at < sizes.end) {
    to[k] = TO(from_[place.at - sizes.first]);
  }
}

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

fn joined(there: f32, new_: f32) -> f32 {
  if (JOIN == 1) { return there + new_; }
  let picked = select(min(there, new_), max(there, new_), JOIN == 2);
  return select(picked, there + new_, isNotNumber(there) || isNotNumber(new_));
}

@compute @workgroup_size(64)
fn scatter(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count) { return; }
  let place = placeOf(k);
  if (place.at < sizes.first || place.at >= sizes.end) { return; }
  let j = place.at - sizes.first;
  if (SCALED) {
    let value = f32(from_[k]) * sizes.scale;
    if (JOIN == 0) { to[j] = TO(value); } else { to[j] = TO(joined(f32(to[j]), value)); }
  } else if (JOIN == 1) {
    to[j] += TO(from_[k]); // whole numbers, which single precision would round
  } else {
    to[j] = TO(from_[k]);
  }
}
