// The half-open box around what is not 0. `start` clears six words; `extend`: an invocation owns one row along x, finds its
// first and last voxel, and widens the box by atomics; `finish` writes zeros if nothing was found.
struct Sizes {
  nz: u32,
  ny: u32,
  nx: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> mask: array<u32>;
@group(0) @binding(1) var<storage, read_write> box: array<atomic<i32>, 6>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(1)
fn start() {
  atomicStore(&box[0], i32(sizes.nz));
  atomicStore(&box[1], i32(sizes.ny));
  atomicStore(&box[2], i32(sizes.nx));
  for (var k = 3; k < 6; k++) { atomicStore(&box[k], 0); }
}

@compute @workgroup_size(64)
fn extend(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let row = (group.y * groups.x + group.x) * 64u + local;
  if (row >= sizes.nz * sizes.ny) { return; }
  var first = sizes.nx;
  var end = 0u;
  for (var k = 0u; k < sizes.nx; k++) {
    if (mask[row * sizes.nx + k] != 0u) {
      first = min(first, k);
      end = k + 1u;
    }
  }
  if (end == 0u) { return; }
  let z = i32(row / sizes.ny);
  let j = i32(row % sizes.ny);
  atomicMin(&box[0], z);
  atomicMin(&box[1], j);
  atomicMin(&box[2], i32(first));
  atomicMax(&box[3], z + 1);
  atomicMax(&box[4], j + 1);
  atomicMax(&box[5], i32(end));
}

@compute @workgroup_size(1)
fn finish() {
  let found = atomicLoad(&box[3]) > 0;
  for (var k = 0; k < 6; k++) { y[k] = select(0, atomicLoad(&box[k]), found); }
}
