// The sum or the maximum over a workgroup of 64 invocations, told to all of them: subgroups join theirs without workgroup
// memory, then everybody joins the few that are left, in order. A prelude for kernels; SUM is f32 or a vector of it.
struct Invocation {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(num_subgroups) subgroups: u32,
  @builtin(subgroup_invocation_id) lane: u32,
}

var<workgroup> summed: array<SUM, 64>;

fn workgroupSum(at: Invocation, value: SUM) -> SUM {
  let own = subgroupAdd(value);
  if (at.lane == 0u) { summed[at.subgroup] = own; }
  workgroupBarrier();
  var sum = summed[0];
  for (var k = 1u; k < at.subgroups; k++) { sum += summed[k]; }
  workgroupBarrier();
  return sum;
}

fn workgroupMax(at: Invocation, value: SUM) -> SUM {
  let own = subgroupMax(value);
  if (at.lane == 0u) { summed[at.subgroup] = own; }
  workgroupBarrier();
  var most = summed[0];
  for (var k = 1u; k < at.subgroups; k++) { most = max(most, summed[k]); }
  workgroupBarrier();
  return most;
}
