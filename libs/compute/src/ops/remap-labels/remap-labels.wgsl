// Other numbers for labels: an invocation owns one voxel and looks its label up in a table of pairs (from, to).
struct Settings {
  elements: u32,
  count: u32,
  hasRest: u32,
  rest: i32,
}

@group(0) @binding(0) var<storage, read> labels: array<i32>;
@group(0) @binding(1) var<storage, read> pairs: array<vec2<i32>>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> settings: Settings;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= settings.elements) { return; }
  let label = labels[k];
  var answer = select(label, settings.rest, settings.hasRest != 0u);
  for (var i = 0u; i < settings.count; i++) {
    if (pairs[i].x == label) { answer = pairs[i].y; }
  }
  y[k] = answer;
}
