// Norm of many tensors. `squares`: a workgroup adds up one block of one tensor and writes it to its place in the list of
// all blocks; `finish`: one workgroup joins the list in a fixed order and derives the factor, `total` only joins it.
struct Sizes {
  count: u32,
  place: u32,
  limit: f32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> from_: array<FROM>;
@group(0) @binding(1) var<storage, read_write> to: array<f32>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

const BLOCK = 4096u;

@compute @workgroup_size(64)
fn squares(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let block = group.y * groups.x + group.x;
  let end = min(sizes.count, (block + 1u) * BLOCK);
  var sum = 0.0;
  for (var k = block * BLOCK + at.index; k < end; k += 64u) {
    let v = f32(from_[k]);
    sum += v * v;
  }
  let all = workgroupSum(at, sum);
  if (at.index == 0u && block * BLOCK < sizes.count) { to[sizes.place + block] = all; }
}

fn joined(at: Invocation) -> f32 {
  var sum = 0.0;
  for (var k = at.index; k < sizes.count; k += 64u) { sum += f32(from_[k]); }
  return workgroupSum(at, sum);
}

@compute @workgroup_size(64)
fn total(at: Invocation) {
  let sum = joined(at);
  if (at.index == 0u) { to[0] = sum; }
}

@compute @workgroup_size(64)
fn finish(at: Invocation) {
  let norm = sqrt(joined(at));
  if (at.index == 0u) {
    to[0] = norm;
    // Told by its bits: a compiler may take it for granted that comparisons never see NaN.
    let finite = (bitcast<u32>(norm) & 0x7f800000u) != 0x7f800000u;
    scale[0] = select(0.0, select(sizes.limit / (norm + 1e-6), 1.0, norm <= sizes.limit - 1e-6), finite);
  }
}
