// One step of momentum descent, in place: each thread owns one run of vectors. See sgd.ts for the formula.

/** args: weight, velocity, gradient, rate*, scale* (0: none), elements, momentum, weight decay, nesterov. */
export function sgd_step(args: usize, part: i32, parts: i32): void {
  const weight = <usize>load<u32>(args);
  const velocity = <usize>load<u32>(args, 4);
  const gradient = <usize>load<u32>(args, 8);
  const rate = f32x4.splat(load<f32>(<usize>load<u32>(args, 12)));
  const scalePointer = <usize>load<u32>(args, 16);
  if (scalePointer != 0 && load<f32>(scalePointer) == 0) return;
  const scale = f32x4.splat(scalePointer == 0 ? 1 : load<f32>(scalePointer));
  const vectors = (load<i32>(args, 20) + 3) >> 2;
  const momentum = f32x4.splat(load<f32>(args, 24));
  const decay = f32x4.splat(load<f32>(args, 28));
  const nesterov = load<i32>(args, 32) != 0;
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = begin; at < end; at += 16) {
    const w = v128.load(weight + at);
    const g = f32x4.add(f32x4.mul(scale, v128.load(gradient + at)), f32x4.mul(decay, w));
    const v = f32x4.add(f32x4.mul(momentum, v128.load(velocity + at)), g);
    v128.store(velocity + at, v);
    const way = nesterov ? f32x4.add(g, f32x4.mul(momentum, v)) : v;
    v128.store(weight + at, f32x4.sub(w, f32x4.mul(rate, way)));
  }
}
