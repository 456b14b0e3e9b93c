// mean += share · (value - mean), in place: each thread owns one run of vectors.

/** args: mean, value, share*, elements. */
export function lerp_step(args: usize, part: i32, parts: i32): void {
  const mean = <usize>load<u32>(args);
  const value = <usize>load<u32>(args, 4);
  const share = f32x4.splat(load<f32>(<usize>load<u32>(args, 8)));
  const vectors = (load<i32>(args, 12) + 3) >> 2;
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = begin; at < end; at += 16) {
    const m = v128.load(mean + at);
    v128.store(mean + at, f32x4.add(m, f32x4.mul(share, f32x4.sub(v128.load(value + at), m))));
  }
}
