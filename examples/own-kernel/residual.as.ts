// y = leakyRelu(a + b), the end of a residual block, in one pass over memory (AssemblyScript). A thread owns one contiguous
// run, four numbers at a time; buffers are padded to 16 bytes. No static data: the memory is shared with other modules.

/** args: a, b, y, elements, slope. */
export function residual(args: usize, part: i32, parts: i32): void {
  const a = <usize>load<u32>(args);
  const b = <usize>load<u32>(args, 4);
  const y = <usize>load<u32>(args, 8);
  const vectors = (load<i32>(args, 12) + 3) >> 2;
  const slope = v128.load32_splat(args, 16);
  const zero = f32x4.splat(0);
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = begin; at < end; at += 16) {
    const sum = f32x4.add(v128.load(a + at), v128.load(b + at));
    v128.store(y + at, v128.bitselect(f32x4.mul(sum, slope), sum, f32x4.lt(sum, zero)));
  }
}

/** dx of both inputs is the same. args: y, dy, dx, elements, slope. The sign of y is that of a + b. */
export function residual_gradient(args: usize, part: i32, parts: i32): void {
  const y = <usize>load<u32>(args);
  const dy = <usize>load<u32>(args, 4);
  const dx = <usize>load<u32>(args, 8);
  const vectors = (load<i32>(args, 12) + 3) >> 2;
  const slope = v128.load32_splat(args, 16);
  const zero = f32x4.splat(0);
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = begin; at < end; at += 16) {
    const g = v128.load(dy + at);
    v128.store(dx + at, v128.bitselect(g, f32x4.mul(g, slope), f32x4.gt(v128.load(y + at), zero)));
  }
}
