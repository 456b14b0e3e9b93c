// The sum or the maximum over a workgroup of 64 invocations, told to all of them: halves are joined through workgroup memory in a fixed
// order. A prelude for kernels; SUM is f32 or a vector of it.
struct Invocation {
  @builtin(local_invocation_index) index: u32,
}

var<workgroup> summed: array<SUM, 64>;

fn workgroupSum(at: Invocation, value: SUM) -> SUM {
  summed[at.index] = value;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (at.index < half) { summed[at.index] += summed[at.index + half]; }
    workgroupBarrier();
  }
  let sum = summed[0];
  workgroupBarrier();
  return sum;
}

fn workgroupMax(at: Invocation, value: SUM) -> SUM {
  summed[at.index] = value;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (at.index < half) { summed[at.index] = max(summed[at.index], summed[at.index + half]); }
    workgroupBarrier();
  }
  let most = summed[0];
  workgroupBarrier();
  return most;
}
