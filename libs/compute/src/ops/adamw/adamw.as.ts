// One step of AdamW, in place: each thread owns one run of vectors. See adamw.ts for the formula.

/** base^exponent for a whole exponent, by squaring. */
function wholePower(base: f64, exponent: i32): f64 {
  let result: f64 = 1;
  while (exponent > 0) {
    if (exponent & 1) result *= base;
    base *= base;
    exponent >>= 1;
  }
  return result;
}

/** args: weight, first, second, gradient, rate*, step*, scale* (0: none), elements, β1, β2, ε, weight decay, coupled, greatest* (0: none). */
export function adamw_step(args: usize, part: i32, parts: i32): void {
  const weight = <usize>load<u32>(args);
  const first = <usize>load<u32>(args, 4);
  const second = <usize>load<u32>(args, 8);
  const gradient = <usize>load<u32>(args, 12);
  const rate = load<f32>(<usize>load<u32>(args, 16));
  const step = <i32>load<f32>(<usize>load<u32>(args, 20));
  const scalePointer = <usize>load<u32>(args, 24);
  if (scalePointer != 0 && load<f32>(scalePointer) == 0) return;
  const scale = f32x4.splat(scalePointer == 0 ? 1 : load<f32>(scalePointer));
  const vectors = (load<i32>(args, 28) + 3) >> 2;
  const beta1 = load<f32>(args, 32);
  const beta2 = load<f32>(args, 36);
  const epsilon = f32x4.splat(load<f32>(args, 40));
  const coupled = load<i32>(args, 48) != 0;
  const greatest = <usize>load<u32>(args, 52);
  const keep = f32x4.splat(coupled ? 1 : 1 - rate * load<f32>(args, 44));
  const pull = f32x4.splat(coupled ? load<f32>(args, 44) : 0);
  const b1 = f32x4.splat(beta1);
  const c1 = f32x4.splat(1 - beta1);
  const b2 = f32x4.splat(beta2);
  const c2 = f32x4.splat(1 - beta2);
  const pace = f32x4.splat(<f32>(<f64>rate / (1 - wholePower(beta1, step))));
  const spread = f32x4.splat(<f32>(1 / (1 - wholePower(beta2, step))));
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = begin; at < end; at += 16) {
    const w = v128.load(weight + at);
    const g = f32x4.add(f32x4.mul(scale, v128.load(gradient + at)), f32x4.mul(pull, w));
    const m = f32x4.add(f32x4.mul(b1, v128.load(first + at)), f32x4.mul(c1, g));
    const v = f32x4.add(f32x4.mul(b2, v128.load(second + at)), f32x4.mul(c2, f32x4.mul(g, g)));
    v128.store(first + at, m);
    v128.store(second + at, v);
    let most = v;
    if (greatest != 0) {
      most = f32x4.max(v, v128.load(greatest + at));
      v128.store(greatest + at, most);
    }
    const way = f32x4.div(f32x4.mul(pace, m), f32x4.add(f32x4.sqrt(f32x4.mul(most, spread)), epsilon));
    v128.store(weight + at, f32x4.sub(f32x4.mul(keep, w), way));
  }
}
