/** Color frames as RGB (PS3.3 C.7.6.3.1.2). */
import { lookUp } from './lookup-table.ts';
import type { Palette } from './lookup-table.ts';
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

/** RGB values of a frame of palette indices: 8 bits, or 16 where the palette has more than 8. */
export function paletteToRgb({ values }: DecodedFrame, palette: Palette): DecodedFrame {
  const colors = palette[0].bits === 8 ? new Uint8Array(values.length * 3) : new Uint16Array(values.length * 3);
  palette.forEach((table, c) => lookUp(values, table, colors, c, 3));
  return { values: colors, photometric: 'RGB' };
}
