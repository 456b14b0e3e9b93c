// Moves voxels by offset tables, one per output axis (-1: outside). An invocation owns one output voxel, neighbors along x
// side by side, so that runs are read and written contiguously. VALUE is the stored type; nothing is computed with it.
struct Sizes {
  channels: u32,
  voxels: u32, // of one input channel
  nz: u32,     // of the output
  ny: u32,
  nx: u32,
  fill: u32,   // its bits
  unused0: u32,
  unused1: u32,
}

@group(0) @binding(0) var<storage, read> x: array<VALUE>;
@group(0) @binding(1) var<storage, read> offsets: array<i32>; // z, then y, then x
@group(0) @binding(2) var<storage, read_write> y: array<VALUE>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let row = k / sizes.nx;
  let plane = row / sizes.ny;
  let channel = plane / sizes.nz;
  if (channel >= sizes.channels) { return; }
  let i = offsets[plane % sizes.nz];
  let j = offsets[sizes.nz + row % sizes.ny];
  let l = offsets[sizes.nz + sizes.ny + k % sizes.nx];
  if (min(i, min(j, l)) < 0) { y[k] = bitcast<VALUE>(sizes.fill); }
  else { y[k] = x[channel * sizes.voxels + u32(i + j + l)]; }
}
