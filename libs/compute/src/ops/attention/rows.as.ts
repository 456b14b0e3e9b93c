// Rows of attention scores (AssemblyScript).

/** scores = scores · scale + bias + mask, in place; `bias` and `mask` are 0 where there are none. Vectors, then one by one. */
export function addBiasAndMask(scores: usize, bias: usize, mask: usize, bytes: usize, scale: v128): void {
  const whole = bytes & ~15;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    let s = f32x4.mul(v128.load(scores + at), scale);
    if (bias != 0) s = f32x4.add(s, v128.load(bias + at));
    if (mask != 0) s = f32x4.add(s, v128.load(mask + at));
    v128.store(scores + at, s);
  }
  const factor = f32x4.extract_lane(scale, 0);
  for (; at < bytes; at += 4) {
    let s = load<f32>(scores + at) * factor;
    if (bias != 0) s += load<f32>(bias + at);
    if (mask != 0) s += load<f32>(mask + at);
    store<f32>(scores + at, s);
  }
}

@inline
export function lanesMax(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

@inline
export function lanesSum(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}
