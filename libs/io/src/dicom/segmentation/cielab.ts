/** Display colors as DICOM stores them: CIELab with white D50, scaled to 16 bits (PS3.3 C.10.7.1.1). */

const linear = (channel: number): number => {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
};
const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);

/** sRGB 0 to 255 → three numbers from 0 to 65535. The matrix adapts sRGB's white D65 to D50 (Bradford; ICC specification annex E). */
export function cielab([red, green, blue]: readonly [number, number, number]): readonly number[] {
  const [r, g, b] = [linear(red), linear(green), linear(blue)];
  const x = f((0.4360747 * r + 0.3850649 * g + 0.1430804 * b) / 0.9642);
  const y = f(0.2225045 * r + 0.7168786 * g + 0.0606169 * b);
  const z = f((0.0139322 * r + 0.0971045 * g + 0.7141733 * b) / 0.8251);
  const lab = [
    ((116 * y - 16) * 65535) / 100,
    ((500 * (x - y) + 128) * 65535) / 255,
    ((200 * (y - z) + 128) * 65535) / 255,
  ];
  return lab.map((v) => Math.max(0, Math.min(65535, Math.round(v))));
}
