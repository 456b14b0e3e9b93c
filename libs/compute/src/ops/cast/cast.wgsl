// Numbers in another type: cut towards zero and clamped to the range; NaN becomes 0. One invocation owns one element.
struct Sizes {
  count: u32,
  // Range of the target, u8 being stored as u32.
  low: f32,
  high: f32,
  isInteger: u32,
}

@group(0) @binding(0) var<storage, read> from_: array<FROM>;
@group(0) @binding(1) var<storage, read_write> to: array<TO>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.count) { return; }
  if (!FROM_FLOAT && !TO_BYTE) {
    to[k] = TO(from_[k]);
    return;
  }
  if (!FROM_FLOAT) {
    to[k] = TO(clamp(i32(from_[k]), 0, 255));
    return;
  }
  var x = f32(from_[k]);
  if (sizes.isInteger == 1u) {
    let isNotNumber = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
    // 2^31 - 1 is no float: what reaches it is set by hand.
    if (x >= 2147483647.0 && !TO_BYTE) {
      to[k] = TO(2147483647);
      return;
    }
    x = select(trunc(clamp(x, sizes.low, sizes.high)), 0.0, isNotNumber);
  }
  to[k] = TO(x);
}
