// Pointwise kernels (AssemblyScript). Each thread owns one contiguous run of elements; 4 at a time, the rest one by one.

const ADD: i32 = 0;

// @ts-ignore: decorator
@inline
function binary(op: i32, a: v128, b: v128): v128 {
  return f32x4.add(a, b);
}

// @ts-ignore: decorator
@inline
function binaryRun(op: i32, args: usize, part: i32, parts: i32): void {
  const a = <usize>load<u32>(args);
  const b = <usize>load<u32>(args, 4);
  const y = <usize>load<u32>(args, 8);
  const vectors = (load<i32>(args, 12) + 3) >> 2;
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = begin; at < end; at += 16) v128.store(y + at, binary(op, v128.load(a + at), v128.load(b + at)));
}

/** args: a, b, y, elements (buffers are padded to 16 bytes). */
export function add_same(args: usize, part: i32, parts: i32): void {
  binaryRun(ADD, args, part, parts);
}
