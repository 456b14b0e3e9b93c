// The half-open box around what is not 0. `start` clears six words; `extend`: an invocation owns one row along x, finds its
// first and last voxel, and widens the box by atomics; `finish` writes zeros if nothing was found. Of a part of a larger mask
// `hand_on` writes numbers whose greatest over all parts is the answer, the first three counted from the end; `restore` turns
// those round.
struct Sizes {
  own: vec4<u32>,   // z, y, x of this part
  begin: vec4<u32>, // where it lies
  whole: vec4<u32>,
}

@group(0) @binding(0) var<storage, read> mask: array<u32>;
@group(0) @binding(1) var<storage, read_write> box: array<atomic<i32>, 6>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(1)
fn start() {
  for (var k = 0; k < 3; k++) {
    atomicStore(&box[k], i32(sizes.whole[k]));
    atomicStore(&box[k + 3], 0);
  }
}

@compute @workgroup_size(64)
fn extend(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let row = (group.y * groups.x + group.x) * 64u + local;
  if (row >= sizes.own.x * sizes.own.y) { return; }
  var first = sizes.own.z;
  var end = 0u;
  for (var k = 0u; k < sizes.own.z; k++) {
    if (mask[row * sizes.own.z + k] != 0u) {
      first = min(first, k);
      end = k + 1u;
    }
  }
  if (end == 0u) { return; }
  let z = i32(sizes.begin.x + row / sizes.own.y);
  let j = i32(sizes.begin.y + row % sizes.own.y);
  let x = i32(sizes.begin.z);
  atomicMin(&box[0], z);
  atomicMin(&box[1], j);
  atomicMin(&box[2], x + i32(first));
  atomicMax(&box[3], z + 1);
  atomicMax(&box[4], j + 1);
  atomicMax(&box[5], x + i32(end));
}

@compute @workgroup_size(1)
fn finish() {
  let found = atomicLoad(&box[3]) > 0;
  for (var k = 0; k < 6; k++) { y[k] = select(0, atomicLoad(&box[k]), found); }
}

@compute @workgroup_size(1)
fn hand_on() {
  for (var k = 0; k < 3; k++) {
    y[k] = i32(sizes.whole[k]) - atomicLoad(&box[k]);
    y[k + 3] = atomicLoad(&box[k + 3]);
  }
}

@compute @workgroup_size(1)
fn restore() {
  let found = y[3] > 0;
  for (var k = 0; k < 3; k++) { y[k] = select(0, i32(sizes.whole[k]) - y[k], found); }
}
