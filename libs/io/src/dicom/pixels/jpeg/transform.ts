/** From DCT coefficients to samples: dequantization, inverse DCT in floating point, upsampling of subsampled components. */

/** Coefficients of one component, 64 per block in natural order, blocks row by row. */
export interface CoefficientPlane {
  readonly blocksX: number;
  readonly blocksY: number;
  /** Samples that carry image, of the padded blocksX × 8 by blocksY × 8. */
  readonly width: number;
  readonly height: number;
  readonly coefficients: Int16Array;
}

/** Samples of one component, padded to whole blocks. */
export interface SamplePlane {
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly values: Uint16Array;
}

/** basis[u * 8 + x] = c(u)/2 cos((2x+1)uπ/16): the one-dimensional inverse DCT of T.81 A.3.3. */
const basis = Float64Array.from({ length: 64 }, (_, i) => {
  const u = i >> 3;
  return (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * (i & 7) + 1) * u * Math.PI) / 16);
});

/** Inverse transform of every block; values are shifted by half the range and clamped to `precision` bits. */
export function inverseTransform(plane: CoefficientPlane, quantization: Uint16Array, precision: number): SamplePlane {
  const { blocksX, blocksY, coefficients } = plane;
  const stride = blocksX * 8;
  const values = new Uint16Array(stride * blocksY * 8);
  const half = 1 << (precision - 1);
  const top = (1 << precision) - 1;
  const rows = new Float64Array(64);
  for (let by = 0; by < blocksY; by++) {
    for (let bx = 0; bx < blocksX; bx++) {
      const from = (by * blocksX + bx) * 64;
      rows.fill(0);
      for (let v = 0; v < 8; v++) {
        for (let u = 0; u < 8; u++) {
          const c = coefficients[from + v * 8 + u]!;
          if (c === 0) continue;
          const scaled = c * quantization[v * 8 + u]!;
          for (let x = 0; x < 8; x++) rows[v * 8 + x]! += scaled * basis[u * 8 + x]!;
        }
      }
      for (let y = 0; y < 8; y++) {
        const to = (by * 8 + y) * stride + bx * 8;
        for (let x = 0; x < 8; x++) {
          let sum = half;
          for (let v = 0; v < 8; v++) sum += rows[v * 8 + x]! * basis[v * 8 + y]!;
          const rounded = Math.round(sum);
          values[to + x] = rounded < 0 ? 0 : rounded > top ? top : rounded;
        }
      }
    }
  }
  return { width: plane.width, height: plane.height, stride, values };
}

/** Writes one component into interleaved samples, interpolating linearly between the centers of subsampled ones. */
export function placeComponent(
  plane: SamplePlane,
  { rows, columns, samples, index }: { rows: number; columns: number; samples: number; index: number },
  out: Uint16Array,
): void {
  const { width, height, stride, values } = plane;
  if (width === columns && height === rows) {
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++) out[(y * columns + x) * samples + index] = values[y * stride + x]!;
    return;
  }
  const scaleX = Math.max(1, Math.round(columns / width));
  const scaleY = Math.max(1, Math.round(rows / height));
  const clamp = (value: number, top: number): number => (value < 0 ? 0 : value > top ? top : value);
  for (let y = 0; y < rows; y++) {
    const sy = clamp((y + 0.5) / scaleY - 0.5, height - 1);
    const y0 = Math.floor(sy);
    const y1 = Math.min(height - 1, y0 + 1);
    const fy = sy - y0;
    for (let x = 0; x < columns; x++) {
      const sx = clamp((x + 0.5) / scaleX - 0.5, width - 1);
      const x0 = Math.floor(sx);
      const x1 = Math.min(width - 1, x0 + 1);
      const fx = sx - x0;
      const upper = values[y0 * stride + x0]! * (1 - fx) + values[y0 * stride + x1]! * fx;
      const lower = values[y1 * stride + x0]! * (1 - fx) + values[y1 * stride + x1]! * fx;
      out[(y * columns + x) * samples + index] = Math.round(upper * (1 - fy) + lower * fy);
    }
  }
}
