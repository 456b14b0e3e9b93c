// A copy between two strided views: what slices, pads, flips, permutations, expansions and joins are made of.
// One invocation owns one element, in the order of the target, so that writes are contiguous wherever the target is.
struct Sizes {
  count: u32,
  axes: u32,
  fromStart: i32,
  toStart: i32,
  table: array<vec4<i32>, 8>, // per axis (size, stride of from, stride of to, -), slowest first
}

@group(0) @binding(0) var<storage, read> from_: array<FROM>;
@group(0) @binding(1) var<storage, read_write> to: array<TO>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count) { return; }
  var rest = k;
  var i = sizes.fromStart;
  var j = sizes.toStart;
  for (var axis = sizes.axes; axis > 0u; axis--) {
    let row = sizes.table[axis - 1u];
    let next = rest / u32(row.x);
    let index = i32(rest - next * u32(row.x));
    i += index * row.y;
    j += index * row.z;
    rest = next;
  }
  to[j] = TO(from_[i]);
}
