// The maximum and the sum over rows of eight invocations of 64, told to all eight, by exchange within subgroups of at least
// eight: places are given by lanes, so that a row never leaves its subgroup. A prelude.
struct Invocation {
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_size) size: u32,
  @builtin(subgroup_invocation_id) lane: u32,
}

fn placeOf(at: Invocation) -> u32 { return at.subgroup * at.size + at.lane; }

fn joinedMax(place: u32, values: vec4<f32>) -> vec4<f32> {
  var most = max(values, subgroupShuffleXor(values, 1u));
  most = max(most, subgroupShuffleXor(most, 2u));
  return max(most, subgroupShuffleXor(most, 4u));
}

fn joinedSum(place: u32, values: vec4<f32>) -> vec4<f32> {
  var sum = values + subgroupShuffleXor(values, 1u);
  sum += subgroupShuffleXor(sum, 2u);
  return sum + subgroupShuffleXor(sum, 4u);
}
