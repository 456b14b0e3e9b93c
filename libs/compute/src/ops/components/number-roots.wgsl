// From a settled forest to numbers 1, 2, … in the order of the roots. A workgroup owns a block of 1024 voxels, an invocation
// four neighbors. `count`: roots per block; `scan`: one workgroup turns counts into the number of roots before each block;
// `number`: roots get their number; `spread`: the other voxels read their root's.
struct Sizes {
  voxels: u32,
  blocks: u32,
}

@group(0) @binding(0) var<storage, read> parent: array<u32>;
@group(0) @binding(1) var<storage, read_write> before: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

var<workgroup> sums: array<u32, 256>;

fn isRoot(voxel: u32) -> u32 { return select(0u, 1u, voxel < sizes.voxels && parent[min(voxel, sizes.voxels - 1u) + 1u] == voxel + 1u); }

fn rootsFrom(first: u32) -> u32 { return isRoot(first) + isRoot(first + 1u) + isRoot(first + 2u) + isRoot(first + 3u); }

/** Sum of `own` over this invocation and those before it. */
fn scanned(own: u32, local: u32) -> u32 {
  sums[local] = own;
  workgroupBarrier();
  for (var step = 1u; step < 256u; step *= 2u) {
    var added = 0u;
    if (local >= step) { added = sums[local - step]; }
    workgroupBarrier();
    sums[local] += added;
    workgroupBarrier();
  }
  return sums[local];
}

@compute @workgroup_size(256)
fn count(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let block = group.y * groups.x + group.x;
  let all = scanned(rootsFrom(block * 1024u + local * 4u), local);
  if (local == 255u && block < sizes.blocks) { before[block] = all; }
}

@compute @workgroup_size(256)
fn scan(@builtin(local_invocation_index) local: u32) {
  var total = 0u;
  for (var first = 0u; first < sizes.blocks; first += 256u) {
    let block = first + local;
    var own = 0u;
    if (block < sizes.blocks) { own = before[block]; }
    let sum = scanned(own, local);
    if (block < sizes.blocks) { before[block] = total + sum - own; }
    total += sums[255];
    workgroupBarrier();
  }
}

@compute @workgroup_size(256)
fn number(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let block = group.y * groups.x + group.x;
  let first = block * 1024u + local * 4u;
  let own = rootsFrom(first);
  var next = scanned(own, local) - own;
  if (block >= sizes.blocks) { return; }
  next += before[block];
  for (var voxel = first; voxel < first + 4u; voxel++) {
    if (isRoot(voxel) == 1u) {
      next++;
      y[voxel] = i32(next);
    }
  }
}

@compute @workgroup_size(64)
fn spread(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let voxel = (group.y * groups.x + group.x) * 64u + local;
  if (voxel >= sizes.voxels) { return; }
  let root = parent[voxel + 1u];
  if (root == 0u) { y[voxel] = 0; }
  else if (root != voxel + 1u) { y[voxel] = y[root - 1u]; }
}
