// Connected components by a union-find forest that all invocations grow at once. Node v + 1 is voxel v, node 0 what lies
// outside; a parent is never greater than its child, so a root is the first voxel of its component.
// `plant`: each voxel hangs from the neighbor before it along z, y or x if that belongs to it; `join`: each voxel unites its
// tree with those of the neighbors before it in the array, lock-free by atomicMin on roots; `settle`: each voxel points to its root.
// MEMBERS 0: voxels of one non-zero label belong together; 1: zeros do, and those at the rim belong to the outside.
// REACH: greatest number of steps along axes to a neighbor (1: faces, 2: edges too, 3: corners too).
// Sources: Playne & Hawick 2018; Komura 2015 (the loop of `unite`).
struct Sizes {
  nz: i32,
  ny: i32,
  nx: i32,
  planar: u32, // slices apart
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> parent: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

fn rootOf(node: u32) -> u32 {
  var here = node;
  var above = atomicLoad(&parent[here]);
  while (above != here) {
    let next = atomicLoad(&parent[above]);
    // Halves the way for those who come later.
    if (next != above) { atomicMin(&parent[here], next); }
    here = above;
    above = next;
  }
  return here;
}

fn unite(one: u32, other: u32) {
  var a = rootOf(one);
  var b = rootOf(other);
  while (a != b) {
    if (a < b) {
      let swapped = a;
      a = b;
      b = swapped;
    }
    // If somebody hung a elsewhere meanwhile, that tree is to be united with b as well.
    let before = atomicMin(&parent[a], b);
    if (before == a) { return; }
    a = rootOf(before);
    b = rootOf(b);
  }
}

fn belongs(label: X) -> bool { return (label == X(0)) == (MEMBERS == 1); }

fn isRim(place: vec3<i32>) -> bool {
  let last = vec3(sizes.nz, sizes.ny, sizes.nx) - 1;
  return (sizes.planar == 0u && (place.x == 0 || place.x == last.x)) || any(place.yz == vec2(0)) || any(place.yz == last.yz);
}

fn placeOf(voxel: u32) -> vec3<i32> {
  let row = i32(voxel / u32(sizes.nx));
  return vec3(row / sizes.ny, row % sizes.ny, i32(voxel % u32(sizes.nx)));
}

@compute @workgroup_size(64)
fn plant(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let voxel = (group.y * groups.x + group.x) * 64u + local;
  if (voxel >= u32(sizes.nz * sizes.ny * sizes.nx)) { return; }
  if (voxel == 0u) { atomicStore(&parent[0], 0u); }
  let label = x[voxel];
  let place = placeOf(voxel);
  let plane = u32(sizes.ny * sizes.nx);
  let row = u32(sizes.nx);
  var to = voxel + 1u;
  if (!belongs(label) || (MEMBERS == 1 && isRim(place))) { to = 0u; }
  else if (place.x > 0 && sizes.planar == 0u && x[voxel - plane] == label) { to -= plane; }
  else if (place.y > 0 && x[voxel - row] == label) { to -= row; }
  else if (place.z > 0 && x[voxel - 1u] == label) { to -= 1u; }
  atomicStore(&parent[voxel + 1u], to);
}

@compute @workgroup_size(64)
fn join(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let voxel = (group.y * groups.x + group.x) * 64u + local;
  if (voxel >= u32(sizes.nz * sizes.ny * sizes.nx)) { return; }
  let label = x[voxel];
  if (!belongs(label)) { return; }
  let place = placeOf(voxel);
  // The thirteen neighbors before this one in array order: offsets -13 … -1 in base three.
  for (var k = 0; k < 13; k++) {
    let offset = vec3(k / 9, (k / 3) % 3, k % 3) - 1;
    let steps = abs(offset);
    let other = place + offset;
    if (steps.x + steps.y + steps.z > REACH || (sizes.planar != 0u && offset.x != 0)) { continue; }
    if (any(other < vec3(0)) || other.y >= sizes.ny || other.z >= sizes.nx) { continue; }
    let there = u32((other.x * sizes.ny + other.y) * sizes.nx + other.z);
    if (x[there] == label) { unite(voxel + 1u, there + 1u); }
  }
}

@compute @workgroup_size(64)
fn settle(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let voxel = (group.y * groups.x + group.x) * 64u + local;
  if (voxel >= u32(sizes.nz * sizes.ny * sizes.nx)) { return; }
  if (belongs(x[voxel])) { atomicStore(&parent[voxel + 1u], rootOf(voxel + 1u)); }
}
