// Adds the parts of a weight gradient in a fixed order and puts it in place: [part][output][tap][input, padded to 4] ->
// [output][input][tap], or [input][output][tap] for a transposed convolution. One invocation owns one weight.
struct Sizes {
  inputs: u32,
  outputs: u32,
  taps: u32,
  parts: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> dw: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= sizes.inputs * sizes.outputs * sizes.taps) { return; }
  let pair = k / sizes.taps;
  let tap = k - pair * sizes.taps;
  let output = pair / sizes.inputs;
  let input = pair - output * sizes.inputs;
  let columns = sizes.taps * ((sizes.inputs + 3u) / 4u) * 4u;
  let column = tap * ((sizes.inputs + 3u) / 4u) * 4u + input;
  var sum = 0.0;
  for (var part = 0u; part < sizes.parts; part++) { sum += parts[(part * sizes.outputs + output) * columns + column]; }
  dw[k] = sum;
}
