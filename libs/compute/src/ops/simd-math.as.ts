// Elementary functions on four floats (AssemblyScript), by multiplications and additions only, so that every build gives
// the same bits. Polynomials after Moshier's Cephes (single precision); relative error below 3e-7.

// @ts-ignore: decorator
@inline
function mulAdd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Natural logarithm of positive normal numbers. */
// @ts-ignore: decorator
@inline
function ln4(x: v128): v128 {
  const exponent = i32x4.shr_s(i32x4.sub(x, i32x4.splat(0x3f3504f3)), 23);
  const f = f32x4.sub(i32x4.sub(x, i32x4.shl(exponent, 23)), f32x4.splat(1));
  const z = f32x4.mul(f, f);
  let p = f32x4.splat(7.0376836292e-2);
  p = mulAdd(p, f, f32x4.splat(-1.151461031e-1));
  p = mulAdd(p, f, f32x4.splat(1.167699874e-1));
  p = mulAdd(p, f, f32x4.splat(-1.2420140846e-1));
  p = mulAdd(p, f, f32x4.splat(1.4249322787e-1));
  p = mulAdd(p, f, f32x4.splat(-1.6668057665e-1));
  p = mulAdd(p, f, f32x4.splat(2.0000714765e-1));
  p = mulAdd(p, f, f32x4.splat(-2.4999993993e-1));
  p = mulAdd(p, f, f32x4.splat(3.3333331174e-1));
  const e = f32x4.convert_i32x4_s(exponent);
  let y = f32x4.mul(f32x4.mul(p, f), z);
  y = mulAdd(e, f32x4.splat(-2.12194440e-4), y);
  y = mulAdd(f32x4.splat(-0.5), z, y);
  return mulAdd(e, f32x4.splat(0.693359375), f32x4.add(f, y));
}

/** e^x for |x| below 87. */
// @ts-ignore: decorator
@inline
function exp4(x: v128): v128 {
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  const r = mulAdd(n, f32x4.splat(2.12194440e-4), mulAdd(n, f32x4.splat(-0.693359375), x));
  let p = f32x4.splat(1.98756915e-4);
  p = mulAdd(p, r, f32x4.splat(1.3981999507e-3));
  p = mulAdd(p, r, f32x4.splat(8.3334519073e-3));
  p = mulAdd(p, r, f32x4.splat(4.1665795894e-2));
  p = mulAdd(p, r, f32x4.splat(1.6666665459e-1));
  p = mulAdd(p, r, f32x4.splat(5.0000001201e-1));
  const y = f32x4.add(mulAdd(f32x4.mul(p, r), r, r), f32x4.splat(1));
  return f32x4.mul(y, i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23));
}

/** sin(2πu) for u in [0, 1). */
// @ts-ignore: decorator
@inline
function sinTurn4(u: v128): v128 {
  return turn4(u, 0);
}

/** cos(2πu) for u in [0, 1). */
// @ts-ignore: decorator
@inline
function cosTurn4(u: v128): v128 {
  return turn4(u, 1);
}

// @ts-ignore: decorator
@inline
function turn4(u: v128, shift: i32): v128 {
  const four = f32x4.mul(u, f32x4.splat(4));
  const n = f32x4.nearest(four);
  const r = f32x4.mul(f32x4.sub(four, n), f32x4.splat(1.57079632679489662));
  const quadrant = i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(shift));
  const z = f32x4.mul(r, r);
  let s = f32x4.splat(-1.9515295891e-4);
  s = mulAdd(s, z, f32x4.splat(8.3321608736e-3));
  s = mulAdd(s, z, f32x4.splat(-1.6666654611e-1));
  s = mulAdd(f32x4.mul(s, z), r, r);
  let c = f32x4.splat(2.443315711809948e-5);
  c = mulAdd(c, z, f32x4.splat(-1.388731625493765e-3));
  c = mulAdd(c, z, f32x4.splat(4.166664568298827e-2));
  c = mulAdd(f32x4.mul(c, z), z, mulAdd(f32x4.splat(-0.5), z, f32x4.splat(1)));
  const odd = i32x4.eq(v128.and(quadrant, i32x4.splat(1)), i32x4.splat(1));
  const value = v128.bitselect(c, s, odd);
  return v128.xor(value, i32x4.shl(v128.and(quadrant, i32x4.splat(2)), 30));
}

export { cosTurn4, exp4, ln4, sinTurn4 };
