// Sums of windows: an invocation owns one number of the sums and looks which windows cover it; see add-window.ts. Nothing is
// staged: a number of a window is read once.
struct Sizes {
  count: u32,
  samples: u32,
  channels: u32,
  patchZ: i32,
  patchY: i32,
  patchX: i32,
  imageZ: i32,
  imageY: i32,
  imageX: i32,
  heldZ: i32,
  heldY: i32,
}

@group(0) @binding(0) var<storage, read_write> sum: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> places: array<i32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

// The first voxel at or after `low` that stands at `at` of a ring.
fn firstIn(low: i32, at: i32, held: i32) -> i32 {
  return low + (at - low % held + held) % held;
}

fn turned(p: i32, mirrored: i32, extent: i32) -> i32 {
  return select(p, extent - 1 - p, mirrored != 0);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= sizes.count) { return; }
  let row = i32(index) / sizes.imageX;
  let column = i32(index) % sizes.imageX;
  let layer = row / sizes.heldY;
  let channel = layer / sizes.heldZ;
  var total = 0.0;
  for (var n = 0; n < i32(sizes.samples); n++) {
    let startX = places[n * 6 + 2];
    if (column < startX || column >= startX + sizes.patchX) { continue; }
    let px = column - startX;
    let startZ = places[n * 6];
    let startY = places[n * 6 + 1];
    let endZ = min(sizes.imageZ, startZ + sizes.patchZ);
    let endY = min(sizes.imageY, startY + sizes.patchY);
    for (var z = firstIn(max(0, startZ), layer % sizes.heldZ, sizes.heldZ); z < endZ; z += sizes.heldZ) {
      for (var y = firstIn(max(0, startY), row % sizes.heldY, sizes.heldY); y < endY; y += sizes.heldY) {
        let pz = z - startZ;
        let py = y - startY;
        let qz = turned(pz, places[n * 6 + 3], sizes.patchZ);
        let qy = turned(py, places[n * 6 + 4], sizes.patchY);
        let qx = turned(px, places[n * 6 + 5], sizes.patchX);
        let source = (((n * i32(sizes.channels) + channel) * sizes.patchZ + qz) * sizes.patchY + qy) * sizes.patchX + qx;
        total += weights[(pz * sizes.patchY + py) * sizes.patchX + px] * f32(x[source]);
      }
    }
  }
  sum[index] += total;
}
