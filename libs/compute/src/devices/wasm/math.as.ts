// Elementary functions on four floats. NaN stays NaN, infinities have their limits, subnormal numbers count; the accuracy of each is
// held by ops/pointwise/accuracy.test.ts over the whole range of floats. pmin and pmax are single instructions; their first
// argument wins where it is NaN.
// Sources: Cephes single precision (Moshier 1992) for exp, log and tanh; erf as a rational approximation on [-4, 4].
import { madd } from './simd.as';

/** e^x; 0 below -104, infinity above 88.73. */
@inline export function exp4(value: v128): v128 {
  const x = f32x4.pmax(f32x4.pmin(value, f32x4.splat(89)), f32x4.splat(-104));
  // 1.5 · 2^23 pushes the fraction out: what is left in the low bits is the nearest whole number
  const shifter = f32x4.splat(12582912);
  const shifted = madd(x, f32x4.splat(1.44269504088896341), shifter);
  const n = f32x4.sub(shifted, shifter);
  // ln 2 in two parts, so that r is exact
  let r = madd(n, f32x4.splat(-0.693359375), x);
  r = madd(n, f32x4.splat(2.12194440e-4), r);
  let p = f32x4.splat(1.9875691500e-4);
  p = madd(p, r, f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(madd(p, f32x4.mul(r, r), r), f32x4.splat(1));
  // 2^n in two factors, so that both are finite and neither is subnormal
  const whole = i32x4.sub(shifted, shifter);
  const half = i32x4.shr_s(whole, 1);
  const one = f32x4.splat(1);
  const low = i32x4.add(i32x4.shl(half, 23), one);
  const high = i32x4.add(i32x4.shl(i32x4.sub(whole, half), 23), one);
  return f32x4.mul(f32x4.mul(p, low), high);
}

/** Natural logarithm of x · 2^-shift, for positive normal x. */
@inline function logNormal(x: v128, shift: v128): v128 {
  // x = 2^e · (1 + m), 1 + m in [√½, √2)
  const exponent = i32x4.shr_s(i32x4.sub(x, i32x4.splat(0x3f3504f3)), 23);
  const m = f32x4.sub(i32x4.sub(x, i32x4.shl(exponent, 23)), f32x4.splat(1));
  const e = f32x4.sub(f32x4.convert_i32x4_s(exponent), shift);
  const z = f32x4.mul(m, m);
  let p = f32x4.splat(7.0376836292e-2);
  p = madd(p, m, f32x4.splat(-1.1514610310e-1));
  p = madd(p, m, f32x4.splat(1.1676998740e-1));
  p = madd(p, m, f32x4.splat(-1.2420140846e-1));
  p = madd(p, m, f32x4.splat(1.4249322787e-1));
  p = madd(p, m, f32x4.splat(-1.6668057665e-1));
  p = madd(p, m, f32x4.splat(2.0000714765e-1));
  p = madd(p, m, f32x4.splat(-2.4999993993e-1));
  p = madd(p, m, f32x4.splat(3.3333331174e-1));
  let y = f32x4.mul(f32x4.mul(p, m), z);
  y = madd(e, f32x4.splat(-2.12194440e-4), y);
  y = madd(z, f32x4.splat(-0.5), y);
  return madd(e, f32x4.splat(0.693359375), f32x4.add(m, y));
}

/** The logarithm of whatever comes. */
function logOfAny(value: v128): v128 {
  const tiny = f32x4.lt(value, f32x4.splat(1.17549435e-38));
  const x = v128.bitselect(f32x4.mul(value, f32x4.splat(8388608)), value, tiny);
  let y = logNormal(x, v128.and(tiny, f32x4.splat(23)));
  y = v128.bitselect(f32x4.splat(-Infinity), y, f32x4.eq(value, f32x4.splat(0)));
  y = v128.bitselect(value, y, f32x4.eq(value, f32x4.splat(Infinity)));
  return v128.bitselect(y, f32x4.splat(NaN), f32x4.ge(value, f32x4.splat(0)));
}

/** Natural logarithm; -infinity at 0, NaN below. */
@inline export function log4(value: v128): v128 {
  // One unsigned comparison finds what is not positive, normal and finite: zeros, subnormals, signs, infinity, NaN.
  const other = i32x4.ge_u(i32x4.sub(value, i32x4.splat(0x00800000)), i32x4.splat(0x7f000000));
  return v128.any_true(other) ? logOfAny(value) : logNormal(value, f32x4.splat(0));
}

/** From e^-|x|, which does not overflow: the small values of negative x keep their digits. */
@inline export function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  const e = exp4(f32x4.neg(f32x4.abs(x)));
  return f32x4.div(v128.bitselect(e, one, f32x4.lt(x, f32x4.splat(0))), f32x4.add(one, e));
}

@inline export function tanh4(x: v128): v128 {
  const size = f32x4.abs(x);
  const far = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(exp4(f32x4.add(size, size)), f32x4.splat(1))));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = madd(p, z, f32x4.splat(2.06390887954e-2));
  p = madd(p, z, f32x4.splat(-5.37397155531e-2));
  p = madd(p, z, f32x4.splat(1.33314422036e-1));
  p = madd(p, z, f32x4.splat(-3.33332819422e-1));
  const near = madd(f32x4.mul(p, z), x, x);
  const signed = v128.or(far, v128.and(x, i32x4.splat(0x80000000)));
  return v128.bitselect(near, signed, f32x4.lt(size, f32x4.splat(0.625)));
}

/** The error function. */
@inline export function erf4(value: v128): v128 {
  const x = f32x4.pmax(f32x4.pmin(value, f32x4.splat(4)), f32x4.splat(-4));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-2.72614225801306e-10);
  p = madd(p, z, f32x4.splat(2.77068142495902e-8));
  p = madd(p, z, f32x4.splat(-2.10102402082508e-6));
  p = madd(p, z, f32x4.splat(-5.69250639462346e-5));
  p = madd(p, z, f32x4.splat(-7.34990630326855e-4));
  p = madd(p, z, f32x4.splat(-2.95459980854025e-3));
  p = madd(p, z, f32x4.splat(-1.60960333262415e-2));
  let q = f32x4.splat(-1.45660718464996e-5);
  q = madd(q, z, f32x4.splat(-2.13374055278905e-4));
  q = madd(q, z, f32x4.splat(-1.68282697438203e-3));
  q = madd(q, z, f32x4.splat(-7.37332916720468e-3));
  q = madd(q, z, f32x4.splat(-1.42647390514189e-2));
  return f32x4.div(f32x4.mul(x, p), q);
}

/** a·b + c of doubles, as madd is of floats. */
@inline function madd2(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(c, f64x2.mul(a, b));
}

/** |a|^b of two lanes, computed in double precision: the error of a logarithm would grow with the exponent otherwise. */
@inline function sizePower2(a: v128, b: v128): v128 {
  // |a| = 2^e · m, m in [√½, √2)
  const bits = i64x2.sub(a, i64x2.splat(0x3fe6a09e667f3bcd));
  const e = i64x2.shr_s(bits, 52);
  const m = i64x2.sub(a, i64x2.shl(e, 52));
  const one = f64x2.splat(1);
  const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one));
  const z = f64x2.mul(s, s);
  // ln m = 2 artanh s, by its series as far as single precision sees
  let p = f64x2.splat(1.0 / 11);
  p = madd2(p, z, f64x2.splat(1.0 / 9));
  p = madd2(p, z, f64x2.splat(1.0 / 7));
  p = madd2(p, z, f64x2.splat(1.0 / 5));
  p = madd2(p, z, f64x2.splat(1.0 / 3));
  p = madd2(p, z, one);
  // e as a double: its lowest word is all there is of it
  const exponent = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(e, e, 0, 2, 0, 2));
  let logarithm = madd2(f64x2.mul(p, s), f64x2.splat(2.8853900817779268), exponent); // 2 / ln 2
  logarithm = v128.bitselect(f64x2.splat(-Infinity), logarithm, f64x2.eq(a, f64x2.splat(0)));
  logarithm = v128.bitselect(logarithm, a, f64x2.lt(a, f64x2.splat(Infinity))); // infinity and NaN as they are
  const y = f64x2.pmax(f64x2.pmin(f64x2.mul(b, logarithm), f64x2.splat(1000)), f64x2.splat(-1000));
  const shifter = f64x2.splat(6755399441055744); // 1.5 · 2^52
  const shifted = f64x2.add(y, shifter);
  const r = f64x2.mul(f64x2.sub(y, f64x2.sub(shifted, shifter)), f64x2.splat(0.6931471805599453));
  let q = f64x2.splat(1.0 / 5040);
  q = madd2(q, r, f64x2.splat(1.0 / 720));
  q = madd2(q, r, f64x2.splat(1.0 / 120));
  q = madd2(q, r, f64x2.splat(1.0 / 24));
  q = madd2(q, r, f64x2.splat(1.0 / 6));
  q = madd2(q, r, f64x2.splat(0.5));
  q = madd2(q, r, one);
  q = madd2(q, r, one);
  return f64x2.mul(q, i64x2.add(i64x2.shl(i64x2.sub(shifted, shifter), 52), one));
}

/** |a|^b. */
@inline export function sizePower4(a: v128, b: v128): v128 {
  const size = f32x4.abs(a);
  const low = sizePower2(f64x2.promote_low_f32x4(size), f64x2.promote_low_f32x4(b));
  const upper = v128.shuffle<i64>(size, size, 1, 1);
  const upperB = v128.shuffle<i64>(b, b, 1, 1);
  const high = sizePower2(f64x2.promote_low_f32x4(upper), f64x2.promote_low_f32x4(upperB));
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}
