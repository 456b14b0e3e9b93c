// 1 in the mask and where a zero has no way to the outside: its tree's root is not node 0. An invocation owns one voxel.
struct Settings {
  voxels: u32,
}

@group(0) @binding(0) var<storage, read> mask: array<u32>;
@group(0) @binding(1) var<storage, read> parent: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> settings: Settings;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let voxel = (group.y * groups.x + group.x) * 64u + local;
  if (voxel >= settings.voxels) { return; }
  y[voxel] = select(0u, 1u, mask[voxel] != 0u || parent[voxel + 1u] != 0u);
}
