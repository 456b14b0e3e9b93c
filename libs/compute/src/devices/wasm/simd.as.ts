// What kernels share: the multiply-add of the build, and splitting work among threads.

/** a·b + c: fused in the relaxed build, rounded twice in the other. */
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/** The next piece of work: threads draw numbers from one counter, so that a slow thread draws fewer. */
@inline export function draw(counter: usize): i32 {
  return atomic.add<i32>(counter, 1);
}

/** Word `index` of a kernel's arguments, as an integer and as an address. */
@inline export function word(args: usize, index: i32): i32 {
  return load<i32>(args + (<usize>index << 2));
}
@inline export function address(args: usize, index: i32): usize {
  return <usize>load<u32>(args + (<usize>index << 2));
}
