// The maximum and the sum over rows of eight invocations of 64, told to all eight, through workgroup memory. A prelude.
struct Invocation {
  @builtin(local_invocation_index) index: u32,
}

var<workgroup> rowParts: array<vec4<f32>, 64>;

fn placeOf(at: Invocation) -> u32 { return at.index; }

fn joinedMax(place: u32, values: vec4<f32>) -> vec4<f32> {
  workgroupBarrier();
  rowParts[place] = values;
  workgroupBarrier();
  let first = place / 8u * 8u;
  var most = rowParts[first];
  for (var other = 1u; other < 8u; other++) { most = max(most, rowParts[first + other]); }
  return most;
}

fn joinedSum(place: u32, values: vec4<f32>) -> vec4<f32> {
  workgroupBarrier();
  rowParts[place] = values;
  workgroupBarrier();
  let first = place / 8u * 8u;
  var sum = rowParts[first];
  for (var other = 1u; other < 8u; other++) { sum += rowParts[first + other]; }
  return sum;
}
