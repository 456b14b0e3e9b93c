// 16-bit pixels: settling their bits, rescaling them, unpacking them from RLE. See words.ts for who calls these, and how.

/**
 * Moves each of `count` words up and back down, which clears or extends what the header does not count to the value, and adds
 * `intercept`. In place. Returns bits that are not 0 where a sum does not fit the 16 bits of the kind that is wanted.
 */
@inline function settle(at: usize, count: i32, up: i32, down: i32, intercept: i32, signed: bool, toSigned: bool): i32 {
  const sum = i32x4.splat(intercept);
  const bias = i32x4.splat(toSigned ? 32768 : 0);
  let over = i32x4.splat(0);
  const end = at + (<usize>(count & ~7) << 1);
  for (; at < end; at += 16) {
    let v = i16x8.shl(v128.load(at), up);
    v = signed ? i16x8.shr_s(v, down) : i16x8.shr_u(v, down);
    let low = signed ? i32x4.extend_low_i16x8_s(v) : i32x4.extend_low_i16x8_u(v);
    let high = signed ? i32x4.extend_high_i16x8_s(v) : i32x4.extend_high_i16x8_u(v);
    low = i32x4.add(low, sum);
    high = i32x4.add(high, sum);
    over = v128.or(over, v128.or(i32x4.add(low, bias), i32x4.add(high, bias)));
    v128.store(at, toSigned ? i16x8.narrow_i32x4_s(low, high) : i16x8.narrow_i32x4_u(low, high));
  }
  let bits =
    i32x4.extract_lane(over, 0) | i32x4.extract_lane(over, 1) | i32x4.extract_lane(over, 2) | i32x4.extract_lane(over, 3);
  for (const last = end + (<usize>(count & 7) << 1); at < last; at += 2) {
    const raised = <i32>load<u16>(at) << (16 + up);
    const value = (signed ? raised >> (16 + down) : <i32>(<u32>raised >> (16 + down))) + intercept;
    bits |= value + (toSigned ? 32768 : 0);
    store<i16>(at, <i16>value);
  }
  return bits & ~0xffff;
}

export function settleSigned(at: usize, count: i32, up: i32, down: i32, intercept: i32): i32 {
  return settle(at, count, up, down, intercept, true, true);
}

export function settleUnsigned(at: usize, count: i32, up: i32, down: i32, intercept: i32): i32 {
  return settle(at, count, up, down, intercept, false, true);
}

export function maskUnsigned(at: usize, count: i32, up: i32, down: i32, intercept: i32): i32 {
  return settle(at, count, up, down, intercept, false, false);
}

/**
 * Unpacks the PackBits between `from` and `end` to `count` bytes at `to`. 1 when that succeeds, 0 when the bytes do not suffice.
 * Copies 16 bytes at a time: up to 15 bytes beyond `end` are read, and up to 143 beyond `to + count` written.
 */
export function unpack(from: usize, end: usize, to: usize, count: i32): i32 {
  const last = to + <usize>count;
  while (to < last) {
    if (from >= end) return 0;
    const control = <i32>load<u8>(from++);
    if (control < 128) {
      const take = <usize>(control + 1);
      const needed = min<usize>(take, last - to);
      if (from + needed > end) return 0;
      for (let i: usize = 0; i < take; i += 16) v128.store(to + i, v128.load(from + i));
      from += take;
      to += take;
    } else if (control > 128) {
      if (from >= end) return 0;
      const take = <usize>(257 - control);
      const value = i8x16.splat(<i8>load<u8>(from++));
      for (let i: usize = 0; i < take; i += 16) v128.store(to + i, value);
      to += take;
    }
  }
  return 1;
}

/** Words from their high bytes at `high` and their low bytes at `low`; writes whole groups of 16. */
export function interleave(high: usize, low: usize, to: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count; i += 16) {
    const h = v128.load(high + i);
    const l = v128.load(low + i);
    v128.store(to + 2 * i, i8x16.shuffle(l, h, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    v128.store(
      to + 2 * i + 16,
      i8x16.shuffle(l, h, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    );
  }
}
