/** Color frames as RGB (PS3.3 C.7.6.3.1.2). */
import type { DecodedFrame } from './pixel-format.ts';

/** RGB values of a three-sample frame; YBR_FULL and YBR_FULL_422 (already unfolded) are converted, RGB is returned as it is. */
export function toRgb(frame: DecodedFrame): DecodedFrame {
  if (!frame.photometric.startsWith('YBR_FULL')) return frame;
  const values = frame.values.slice();
  const clamp = (v: number): number => (v < 0 ? 0 : v > 255 ? 255 : Math.round(v));
  for (let i = 0; i + 2 < values.length; i += 3) {
    const luma = values[i]!;
    const blue = values[i + 1]! - 128;
    const red = values[i + 2]! - 128;
    values[i] = clamp(luma + 1.402 * red);
    values[i + 1] = clamp(luma - 0.344136 * blue - 0.714136 * red);
    values[i + 2] = clamp(luma + 1.772 * blue);
  }
  return { values, photometric: 'RGB' };
}
