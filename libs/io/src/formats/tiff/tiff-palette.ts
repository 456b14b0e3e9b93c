/** Pages whose samples are indices into a palette, as colors. Source: Adobe, TIFF 6.0, section 5. */
import type { TiffImage, TiffPage } from './tiff-read.ts';

const PALETTE = 3;

export const hasPalette = ({ pages, colorMap }: TiffImage): boolean =>
  colorMap.length > 0 && pages.every(({ photometric, samples }) => photometric === PALETTE && samples === 1);

/** The page in red, green and blue, 8 bits each. `fail` throws. */
export function inColors(
  page: TiffPage,
  colorMap: readonly number[],
  fail: (field: string, message: string) => never,
): TiffPage {
  const { width, height, bytes, type } = page;
  const indices = type === 'uint16' ? new Uint16Array(bytes.buffer, bytes.byteOffset, width * height) : bytes;
  const colors = Math.floor(colorMap.length / 3);
  // some programs write the colors in 8 bits, where 16 are meant
  const shift = colorMap.every((v) => v < 256) ? 0 : 8;
  const out = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const index = indices[i]!;
    if (index >= colors) fail('color map', `pixel ${i} has color ${index}, the palette has ${colors}.`);
    for (let c = 0; c < 3; c++) out[3 * i + c] = colorMap[c * colors + index]! >> shift;
  }
  return { ...page, samples: 3, type: 'uint8', bytes: out };
}
