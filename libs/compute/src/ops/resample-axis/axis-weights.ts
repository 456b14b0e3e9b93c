/**
 * Resampling along one axis as a sparse matrix: each output position is a weighted sum of input positions. Resizing,
 * average pooling and their gradients (the transposed matrix) are all of this kind.
 */
export interface AxisWeights {
  readonly from: number;
  readonly to: number;
  /** Row k's entries are rows[k] to rows[k + 1] of columns and weights. */
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly weights: Float32Array;
}

export type ResizeMode = 'linear' | 'nearest' | 'nearestExact';

function fromEntries(
  from: number,
  to: number,
  entries: readonly (readonly (readonly [column: number, weight: number])[])[],
): AxisWeights {
  const rows = new Int32Array(to + 1);
  entries.forEach((row, k) => (rows[k + 1] = rows[k] + row.length));
  const flat = entries.flat();
  return {
    from,
    to,
    rows,
    columns: Int32Array.from(flat, ([column]) => column),
    weights: Float32Array.from(flat, ([, weight]) => weight),
  };
}

/** Pixel centers aligned by half a pixel (align_corners=false); positions in single precision, as PyTorch has them. */
export function resizeWeights(from: number, to: number, mode: ResizeMode): AxisWeights {
  const scale = Math.fround(from / to);
  return fromEntries(
    from,
    to,
    Array.from({ length: to }, (_, k) => {
      if (mode === 'nearest') return [[Math.min(from - 1, Math.floor(Math.fround(k * scale))), 1]] as const;
      const center = Math.fround((k + 0.5) * scale);
      if (mode === 'nearestExact') return [[Math.min(from - 1, Math.floor(center)), 1]] as const;
      const position = Math.max(0, Math.fround(center - 0.5));
      const low = Math.min(from - 1, Math.floor(position));
      const part = Math.fround(position - low);
      return low + 1 < from && part > 0
        ? ([
            [low, 1 - part],
            [low + 1, part],
          ] as const)
        : ([[low, 1]] as const);
    }),
  );
}

/** Windows of `kernel` every `stride`, after `padding` zeros in front; each weighs 1 / kernel. */
export function poolWeights(from: number, kernel: number, stride: number, padding: number): AxisWeights {
  const to = Math.floor((from + 2 * padding - kernel) / stride) + 1;
  return fromEntries(
    from,
    to,
    Array.from({ length: to }, (_, k) => {
      const first = k * stride - padding;
      return Array.from({ length: kernel }, (_, j) => [first + j, 1 / kernel] as const).filter(
        ([column]) => column >= 0 && column < from,
      );
    }),
  );
}

/** The transposed matrix: what a gradient needs. */
export function transposed(matrix: AxisWeights): AxisWeights {
  const entries = Array.from({ length: matrix.from }, () => [] as [number, number][]);
  for (let row = 0; row < matrix.to; row++)
    for (let k = matrix.rows[row]; k < matrix.rows[row + 1]; k++)
      entries[matrix.columns[k]].push([row, matrix.weights[k]]);
  return fromEntries(matrix.to, matrix.from, entries);
}

/** Whether it changes nothing. */
export function isIdentity(matrix: AxisWeights): boolean {
  return (
    matrix.from === matrix.to &&
    matrix.weights.length === matrix.to &&
    matrix.columns.every((column, row) => column === row && matrix.weights[row] === 1)
  );
}
