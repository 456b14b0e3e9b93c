/** Which typed array holds a stack's values. */
import type { VoxelArray } from '@voxelwise/volume';
import type { FrameInfo } from './instance.ts';

type Range = readonly [number, number];

/** The lowest and highest value the bits of a stack could mean after rescaling, and whether all of them are whole. */
function valueRange(frames: readonly FrameInfo[]): { range: Range; whole: boolean } {
  let low = Infinity;
  let high = -Infinity;
  let whole = true;
  for (const { slope, intercept, table, instance } of frames) {
    const { bitsStored, signed, float } = instance.format;
    const lookedUp = instance.palette?.[0] ?? table;
    if (lookedUp !== undefined) {
      low = Math.min(low, 0);
      high = Math.max(high, 2 ** lookedUp.bits - 1);
      continue;
    }
    const stored: Range = signed ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1] : [0, 2 ** bitsStored - 1];
    const ends = stored.map((s) => s * slope + intercept);
    low = Math.min(low, ...ends);
    high = Math.max(high, ...ends);
    whole &&= !float && Number.isInteger(slope) && Number.isInteger(intercept);
  }
  return { range: [low, high], whole };
}

export type ArrayKind = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f32' | 'f64';
const limits: readonly (readonly [ArrayKind, number, number])[] = [
  ['u8', 0, 255],
  ['i8', -128, 127],
  ['i16', -32768, 32767],
  ['u16', 0, 65535],
  ['i32', -(2 ** 31), 2 ** 31 - 1],
  ['u32', 0, 2 ** 32 - 1],
];

/** An array of `length` zeros. */
export function arrayOf(kind: ArrayKind, length: number): VoxelArray {
  const make = {
    i8: Int8Array,
    u8: Uint8Array,
    i16: Int16Array,
    u16: Uint16Array,
    i32: Int32Array,
    u32: Uint32Array,
    f32: Float32Array,
    f64: Float64Array,
  };
  return new make[kind](length);
}

/** The smallest array that surely holds a stack's values, and the 16-bit one to try first when only the declared range is wide. */
export function candidates(frames: readonly FrameInfo[]): readonly ArrayKind[] {
  const { range, whole } = valueRange(frames);
  if (!whole)
    return [frames.some((f) => f.instance.format.float && f.instance.format.bitsAllocated === 64) ? 'f64' : 'f32'];
  const sure = limits.find(([, low, high]) => range[0] >= low && range[1] <= high)?.[0] ?? 'f64';
  // 16 stored bits with an intercept: CT declares more than it uses, so twice the memory is taken only if a value needs it.
  return sure === 'i32' && frames.every((f) => f.instance.format.bitsAllocated <= 16) ? ['i16', 'i32'] : [sure];
}
