// Rows of attention scores (AssemblyScript).

/** Four scores: products · scale + bias + mask, at byte `at` of their rows; `bias` and `mask` are 0 where there are none. */
@inline
export function score4(products: usize, bias: usize, mask: usize, at: usize, scale: v128): v128 {
  let s = f32x4.mul(v128.load(products + at), scale);
  if (bias != 0) s = f32x4.add(s, v128.load(bias + at));
  if (mask != 0) s = f32x4.add(s, v128.load(mask + at));
  return s;
}

/** One score, in every lane. */
@inline
export function score1(products: usize, bias: usize, mask: usize, at: usize, scale: v128): v128 {
  let s = f32x4.mul(v128.load32_splat(products + at), scale);
  if (bias != 0) s = f32x4.add(s, v128.load32_splat(bias + at));
  if (mask != 0) s = f32x4.add(s, v128.load32_splat(mask + at));
  return s;
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
