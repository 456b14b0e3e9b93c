// Joins the chunk sums of the normalization's gradient in a fixed order: per row for dx, per channel for scale and shift.
// One invocation owns one channel.
struct Sizes {
  samples: u32,
  channels: u32,
  chunks: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read_write> rows: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> dscale: array<f32>;
@group(0) @binding(3) var<storage, read_write> dshift: array<f32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= sizes.channels) { return; }
  var all = vec2<f32>(0.0);
  for (var sample = 0u; sample < sizes.samples; sample++) {
    let row = sample * sizes.channels + id.x;
    var sum = vec2<f32>(0.0);
    for (var chunk = 0u; chunk < sizes.chunks; chunk++) { sum += parts[row * sizes.chunks + chunk]; }
    rows[row] = sum;
    all += sum;
  }
  dshift[id.x] = all.x;
  dscale[id.x] = all.y;
}
