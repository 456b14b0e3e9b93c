// Conversions between dtypes (AssemblyScript), one element after the other but for the word-sized pairs.
import { address, word } from '../../devices/wasm/simd.as';

@inline function first(args: usize, part: i32, parts: i32): i32 { return <i32>(<i64>(word(args, 2) + 3 >> 2) * part / parts) << 2; }
@inline function end(args: usize, part: i32, parts: i32): i32 { return min(word(args, 2), <i32>(<i64>(word(args, 2) + 3 >> 2) * (part + 1) / parts) << 2); }

/** args: x, y, elements; so for all. Floats become the nearest integer towards zero, clamped to the range; NaN becomes 0. */
export function cast_f32_i32(args: usize, part: i32, parts: i32): void {
  const stop = end(args, part, parts);
  for (let k = first(args, part, parts); k < stop; k += 4) v128.store(address(args, 1) + (<usize>k << 2), i32x4.trunc_sat_f32x4_s(v128.load(address(args, 0) + (<usize>k << 2))));
}
export function cast_i32_f32(args: usize, part: i32, parts: i32): void {
  const stop = end(args, part, parts);
  for (let k = first(args, part, parts); k < stop; k += 4) v128.store(address(args, 1) + (<usize>k << 2), f32x4.convert_i32x4_s(v128.load(address(args, 0) + (<usize>k << 2))));
}
export function cast_f32_u8(args: usize, part: i32, parts: i32): void {
  const stop = end(args, part, parts);
  for (let k = first(args, part, parts); k < stop; k++) {
    const x = load<f32>(address(args, 0) + (<usize>k << 2));
    store<u8>(address(args, 1) + k, x > 0 ? (x < 255 ? <u8>x : 255) : 0);
  }
}
export function cast_i32_u8(args: usize, part: i32, parts: i32): void {
  const stop = end(args, part, parts);
  for (let k = first(args, part, parts); k < stop; k++) store<u8>(address(args, 1) + k, <u8>max(0, min(255, load<i32>(address(args, 0) + (<usize>k << 2)))));
}
export function cast_u8_f32(args: usize, part: i32, parts: i32): void {
  const stop = end(args, part, parts);
  for (let k = first(args, part, parts); k < stop; k++) store<f32>(address(args, 1) + (<usize>k << 2), <f32>load<u8>(address(args, 0) + k));
}
export function cast_u8_i32(args: usize, part: i32, parts: i32): void {
  const stop = end(args, part, parts);
  for (let k = first(args, part, parts); k < stop; k++) store<i32>(address(args, 1) + (<usize>k << 2), <i32>load<u8>(address(args, 0) + k));
}
