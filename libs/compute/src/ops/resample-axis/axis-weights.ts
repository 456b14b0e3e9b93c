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

export type ResizeMode = 'linear' | 'cubic' | 'area' | 'nearest' | 'nearestExact';

/** The entries of one row: pairs of column and weight. */
export type RowEntries = readonly (readonly [column: number, weight: number])[];

export function fromEntries(from: number, to: number, entries: readonly RowEntries[]): AxisWeights {
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

/**
 * Pixel centers aligned by half a pixel, or with `alignCorners` (`linear`, `cubic`) the first and last centers laid on each other;
 * positions in single precision, as PyTorch has them.
 */
export function resizeWeights(from: number, to: number, mode: ResizeMode, alignCorners = false): AxisWeights {
  const scale = alignCorners ? (to > 1 ? Math.fround((from - 1) / (to - 1)) : 0) : Math.fround(from / to);
  const centerOf = (k: number): number =>
    alignCorners ? Math.fround(k * scale) : Math.fround(Math.fround((k + 0.5) * scale) - 0.5);
  const inside = (column: number): number => Math.min(from - 1, Math.max(0, column));
  return fromEntries(
    from,
    to,
    Array.from({ length: to }, (_, k) => {
      switch (mode) {
        case 'nearest':
          return [[inside(Math.floor(Math.fround(k * Math.fround(from / to)))), 1]] as const;
        case 'nearestExact':
          return [[inside(Math.floor(Math.fround((k + 0.5) * Math.fround(from / to)))), 1]] as const;
        case 'area': {
          const first = Math.floor((k * from) / to);
          const covered = Math.ceil(((k + 1) * from) / to) - first;
          return Array.from({ length: covered }, (_, j) => [first + j, 1 / covered] as const);
        }
        case 'cubic': {
          const low = Math.floor(centerOf(k));
          return cubicWeights(Math.fround(centerOf(k) - low)).map(
            (weight, j) => [inside(low - 1 + j), weight] as const,
          );
        }
        case 'linear': {
          const position = Math.max(0, centerOf(k));
          const low = inside(Math.floor(position));
          const part = Math.fround(position - low);
          return low + 1 < from && part > 0
            ? ([
                [low, 1 - part],
                [low + 1, part],
              ] as const)
            : ([[low, 1]] as const);
        }
      }
    }),
  );
}

/** Keys' cubic convolution with a = -0.75, which PyTorch took from OpenCV: weights of the voxels at -1, 0, 1, 2 of fraction u. */
function cubicWeights(u: number): readonly number[] {
  const a = -0.75;
  const near = (t: number): number => ((a + 2) * t - (a + 3)) * t * t + 1;
  const far = (t: number): number => ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return [far(1 + u), near(u), near(1 - u), far(2 - u)];
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

/** Output position k takes input position sources[k]. */
export function selection(from: number, sources: readonly number[]): AxisWeights {
  return fromEntries(
    from,
    sources.length,
    sources.map((column) => [[column, 1]]),
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
