// Max pooling and its gradient; NaN is the greatest, the first of equals wins. `main`: an invocation owns one window;
// `gradient`: an invocation owns one input element and asks each window that covers it whether it won there.
struct Sizes {
  rows: u32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
  input: vec4<u32>,
  output: vec4<u32>,
  kernel: vec4<u32>,
  stride: vec4<u32>,
  padding: vec4<u32>,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> dy: array<DY>;
@group(0) @binding(2) var<storage, read_write> made: array<Y>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

fn isNotNumber(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

// Index within the input of the window's winner.
fn winner(start: u32, window: vec3<u32>) -> u32 {
  let corner = vec3<i32>(window * sizes.stride.xyz) - vec3<i32>(sizes.padding.xyz);
  let first = vec3<u32>(max(corner, vec3<i32>(0)));
  let end = min(vec3<u32>(corner + vec3<i32>(sizes.kernel.xyz)), sizes.input.xyz);
  var best = (first.x * sizes.input.y + first.y) * sizes.input.z + first.z;
  var most = f32(x[start + best]);
  for (var a = first.x; a < end.x; a++) {
    for (var b = first.y; b < end.y; b++) {
      for (var c = first.z; c < end.z; c++) {
        let at = (a * sizes.input.y + b) * sizes.input.z + c;
        let v = f32(x[start + at]);
        if (!isNotNumber(most) && (v > most || isNotNumber(v))) {
          most = v;
          best = at;
        }
      }
    }
  }
  return best;
}

fn place(k: u32, size: vec3<u32>) -> vec4<u32> {
  let line = k / size.z;
  let plane = line / size.y;
  let row = plane / size.x;
  return vec4<u32>(plane - row * size.x, line - plane * size.y, k - line * size.z, row);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let at = place(k, sizes.output.xyz);
  if (at.w >= sizes.rows) { return; }
  let start = at.w * sizes.input.x * sizes.input.y * sizes.input.z;
  made[k] = Y(x[start + winner(start, at.xyz)]);
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let at = place(k, sizes.input.xyz);
  if (at.w >= sizes.rows) { return; }
  let start = at.w * sizes.input.x * sizes.input.y * sizes.input.z;
  let reach = at.xyz + sizes.padding.xyz;
  let last = min(reach / sizes.stride.xyz, sizes.output.xyz - vec3<u32>(1u));
  // The first window that still reaches this far.
  let first = (max(reach + vec3<u32>(1u), sizes.kernel.xyz) - sizes.kernel.xyz + sizes.stride.xyz - vec3<u32>(1u)) / sizes.stride.xyz;
  var sum = 0.0;
  for (var a = first.x; a <= last.x; a++) {
    for (var b = first.y; b <= last.y; b++) {
      for (var c = first.z; c <= last.z; c++) {
        if (winner(start, vec3<u32>(a, b, c)) == k - start) {
          sum += f32(dy[((at.w * sizes.output.x + a) * sizes.output.y + b) * sizes.output.z + c]);
        }
      }
    }
  }
  made[k] = Y(sum);
}
