/** Reductions on the WASM device: over the last axes in blocks, over a middle axis in vectors, else after a permutation. */
import {
  float,
  int,
  pointer,
  scratchPointer,
  type KernelArgument,
  type KernelCall,
  type LoweringContext,
} from '../../devices/wasm/kernel.ts';
import { sizeOf, stridesOf, type Shape } from '../../tensor/spec.ts';
import { stridedCopy } from '../copy/strided-copy.ts';

/** Elements per block: results do not depend on the number of threads, so this is fixed. */
const BLOCK_LENGTH = 16384;
/** Fewer neighbors than this are better permuted to the outside. */
const LEAST_INNER = 32;
const MOST_MIDDLE = 8192;

export type Reduction = 'sum' | 'max' | 'min';

/** Runs of axes that are all kept or all reduced. */
function runsOf(shape: Shape, axes: ReadonlySet<number>): { reduced: boolean; size: number }[] {
  const runs: { reduced: boolean; size: number }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const reduced = axes.has(axis);
    const before = runs.at(-1);
    if (before?.reduced === reduced) before.size *= size;
    else runs.push({ reduced, size });
  });
  return runs;
}

/** `divisor`: 1 for a sum, the count for a mean. */
export function lowerReduction(
  { inputs, outputs: [y], scratch }: LoweringContext<unknown>,
  kind: Reduction,
  axes: readonly number[],
  divisor: number,
): KernelCall[] {
  const x = inputs['x']!;
  const reduced = new Set(axes);
  const runs = runsOf(x.shape, reduced);
  const rows = (from: KernelArgument): KernelCall[] => {
    const count = sizeOf(y.shape);
    const length = sizeOf(x.shape) / count;
    const blocks = Math.max(1, Math.ceil(length / BLOCK_LENGTH));
    const partial = scratchPointer(scratch(count * blocks * 8));
    return [
      { kernel: `reduce_rows_${kind}`, args: [from, partial, int(count), int(length), int(BLOCK_LENGTH)] },
      { kernel: `reduce_finish_${kind}`, args: [partial, pointer(y), int(count), int(blocks), float(divisor)] },
    ];
  };
  if (runs.every((run, k) => !run.reduced || k === runs.length - 1)) return rows(pointer(x));
  const middle = runs.findIndex((run) => run.reduced);
  if (middle === runs.length - 2 && runs[middle + 1].size >= LEAST_INNER && runs[middle].size <= MOST_MIDDLE)
    return [
      {
        kernel: `reduce_middle_${kind}`,
        args: [
          pointer(x),
          pointer(y),
          int(middle === 1 ? runs[0].size : 1),
          int(runs[middle].size),
          int(runs[middle + 1].size),
          float(divisor),
        ],
      },
    ];
  const order = [...x.shape.keys()].sort((a, b) => Number(reduced.has(a)) - Number(reduced.has(b)) || a - b);
  const turned = order.map((axis) => x.shape[axis]);
  const copy = scratchPointer(scratch(sizeOf(x.shape) * 4));
  const inBytes = (strides: readonly number[]): number[] => strides.map((stride) => stride * 4);
  const strides = inBytes(stridesOf(x.shape));
  return [
    stridedCopy(
      pointer(x),
      copy,
      4,
      turned,
      order.map((axis) => strides[axis]),
      inBytes(stridesOf(turned)),
    ),
    ...rows(copy),
  ];
}
